import { defineConfig } from 'vitest/config';
import type { Reporter } from 'vitest/node';

/** The last line: how many there were. */
const counting: Reporter = {
  onTestRunEnd: (modules) => {
    const states = modules.flatMap((module) =>
      [...module.children.allTests()].map((test) => test.result().state),
    );
    const count = (state: string): number => states.filter((found) => found === state).length;
    // After whatever the default reporter has still to say.
    process.once('exit', () => {
      const skipped = count('skipped') > 0 ? `, ${String(count('skipped'))} skipped (no Chromium here)` : '';
      console.log(`page: ${String(count('passed'))} passed, ${String(count('failed'))} failed${skipped}`);
    });
  },
};

/** The tests of the live page in a real browser: `npm run test:page`. Apart, since `npm test` would take two minutes longer. */
export default defineConfig({
  test: {
    environment: 'node',
    include: ['test/page/browser/*.page.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 300_000,
    reporters: ['default', counting],
  },
});
