/**
 * `npm run test:handover`: the proof that a swap drops nobody, as CI runs it. A load through updates of a Node program, some of them bad, then of
 * gunicorn where Debian's package is there; ends with 1 when any request failed. Requests that were sent again because their connection had
 * been closed are told apart: no server of HTTP/1.1 can rule them out (docs/handover.md).
 *
 *     npm run test:handover [-- --load PERCENT] [-- --updates 20] [-- --only serve|gunicorn]
 */
import { parseArgs } from 'node:util';
import { measureHandover, scaled } from '../bench/handover.ts';
import { gunicornProgram, hasGunicorn, serveProgram } from '../bench/handover/workloads.ts';

const { values } = parseArgs({
  options: {
    load: { type: 'string', default: '100' },
    updates: { type: 'string', default: '20' },
    only: { type: 'string' },
  },
});

const say = (line: string): void => {
  console.error(line);
};
const updates = Number(values.updates);
const runs = [
  { program: serveProgram, updates, there: true, name: 'serve' },
  { program: gunicornProgram, updates, there: hasGunicorn(), name: 'gunicorn' },
].filter(({ name }) => values.only === undefined || values.only === name);
let failed = 0;
for (const { program, updates: count, there } of runs) {
  if (!there) {
    say(`left out: ${program.name} is not installed`);
    continue;
  }
  say(`${program.name}: ${String(count)} updates under load …`);
  const figures = await measureHandover({
    program,
    held: true,
    updates: count,
    rates: scaled(Number(values.load) / 100),
    colds: 1,
    say,
  });
  console.log(figures);
  failed += figures.failed;
}
if (failed > 0) {
  say(`expected no request to fail, found ${String(failed)}`);
  process.exitCode = 1;
}
