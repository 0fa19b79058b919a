/** As `times.ts`, in a daemon that ends as soon as it has acknowledged. */
import { readFileSync } from 'node:fs';

export { HAND_OVER_TIMES } from './times.ts';

setInterval(() => {
  try {
    const { trial } = JSON.parse(readFileSync(process.env['TEST_RECORD'] ?? '', 'utf8')) as {
      trial: { acknowledged: boolean } | null;
    };
    if (trial?.acknowledged === true) process.exit(9);
  } catch {
    // It is being replaced.
  }
}, 20).unref();
