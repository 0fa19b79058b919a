import { defineConfig } from 'vitest/config';

/** The tests of the live page in a real browser: `npm run test:page`. Apart, since `npm test` would take a minute longer. */
export default defineConfig({
  test: {
    environment: 'node',
    include: ['test/page/browser/*.page.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 300_000,
    reporters: ['default'],
  },
});
