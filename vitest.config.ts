import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    environment: 'node',
    include: ['test/**/*.test.ts'],
    // Builds the program once, with throw-away keys, for the end-to-end tests.
    globalSetup: ['test/e2e/support/global-setup.ts', 'test/model/support/driver-coverage.ts'],
    // Processes, not threads: tests start children, change the umask and send signals.
    pool: 'forks',
    // The machines that this runs on have two cores; a third worker uses the time in which end-to-end tests wait.
    maxWorkers: 3,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    restoreMocks: true,
    unstubEnvs: true,
    unstubGlobals: true,
    reporters: ['default'],
  },
});
