import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.ts';

/**
 * These have a worker of their own: two replace modules for themselves (`vi.mock`), so nobody may have loaded them yet; the enumeration
 * leaves half a gigabyte behind, which the collector would go through again for every later file.
 */
const ALONE = [
  'test/crash/enumeration.test.ts',
  'test/publish/interrupted.test.ts',
  'test/sidecar/grpc.test.ts',
];

const ALL = {
  environment: 'node',
  // Processes, not threads: tests start children, change the umask and send signals.
  pool: 'forks' as const,
  // The machines that this runs on have two cores; a third worker uses the time in which end-to-end tests wait.
  maxWorkers: 3,
  setupFiles: ['test/fixtures/each-file.ts'],
  // No test is decided by it: more than the patience of the steps of the longest on a machine under load.
  testTimeout: 60_000,
  hookTimeout: 60_000,
  restoreMocks: true,
  unstubEnvs: true,
  unstubGlobals: true,
};

export default defineConfig({
  test: {
    // Builds the program once, with throw-away keys, for the end-to-end tests.
    globalSetup: ['test/e2e/support/global-setup.ts', 'test/model/support/driver-coverage.ts'],
    sequence: { sequencer: LongestFirst },
    reporters: ['default'],
    projects: [
      // One worker runs many files: to load all libraries anew for each would cost more than most tests do.
      { test: { ...ALL, name: 'shared', isolate: false, include: ['test/**/*.test.ts'], exclude: ALONE } },
      { test: { ...ALL, name: 'alone', include: ALONE } },
    ],
  },
});
