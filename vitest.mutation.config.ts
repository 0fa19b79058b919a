import { defineConfig } from 'vitest/config';

/** The tests that judge mutants: those of the machines and services, by themselves. They need no program and no network. */
export default defineConfig({
  test: {
    environment: 'node',
    include: ['test/machines/**/*.test.ts', 'test/services/**/*.test.ts', 'test/supervisor.test.ts'],
    // It reads the sources themselves, which are not the same once they hold mutants.
    exclude: ['test/machines/purity.test.ts'],
    pool: 'forks',
    setupFiles: ['test/fixtures/each-file.ts'],
    restoreMocks: true,
    unstubEnvs: true,
  },
});
