/**
 * `npm run test:handover`: the proof that a swap drops nobody, as CI runs it. A load through updates of a Node program, some of them bad: first one
 * version after the other, then half as many beside each other; then of gunicorn, where Debian's package is there. Ends with 1 when any request failed, or
 * when one that came on a connection of its own, or by gRPC, had to be sent again: only HTTP/1.1 on a kept connection cannot rule that out
 * (docs/handover.md).
 *
 *     npm run test:handover [-- --load PERCENT] [-- --updates 20] [-- --only serve|overlap|gunicorn]
 */
import { parseArgs } from 'node:util';
import { measureHandover, scaled, type HandoverFigures } from '../bench/handover.ts';
import { gunicornProgram, hasGunicorn, serveProgram } from '../bench/handover/workloads.ts';

const { values } = parseArgs({
  options: {
    load: { type: 'string', default: '100' },
    updates: { type: 'string' },
    only: { type: 'string' },
  },
});

const say = (line: string): void => {
  console.error(line);
};
const runs = [
  { program: serveProgram, way: 'handover', unlessTold: 20, there: true, name: 'serve' },
  { program: serveProgram, way: 'overlap', unlessTold: 10, there: true, name: 'overlap' },
  { program: gunicornProgram, way: 'handover', unlessTold: 20, there: hasGunicorn(), name: 'gunicorn' },
] as const;

/** What a program that drains as docs/handover.md says never needs: a second try where no kept connection of HTTP/1.1 is the cause. */
function needlessRetries({ byKind }: HandoverFigures): number {
  return Object.entries(byKind).reduce(
    (sum, [kind, { retried }]) => sum + (kind === 'kept' ? 0 : retried),
    0,
  );
}

const wrong: string[] = [];
for (const { program, way, unlessTold, there, name } of runs) {
  if (values.only !== undefined && values.only !== name) continue;
  if (!there) {
    say(`left out: ${program.name} is not installed`);
    continue;
  }
  const updates = Number(values.updates ?? unlessTold);
  say(`${program.name}, ${way}: ${String(updates)} updates under load …`);
  const rates = scaled(Number(values.load) / 100);
  const figures = await measureHandover({ program, way, updates, rates, colds: 1, say });
  console.log(figures);
  if (figures.failed > 0) wrong.push(`${name}: expected no request to fail, found ${String(figures.failed)}`);
  const again = program === serveProgram ? needlessRetries(figures) : 0;
  if (again > 0)
    wrong.push(
      `${name}: expected only HTTP on kept connections to be sent again, found ${String(again)} others`,
    );
}
for (const line of wrong) say(line);
if (wrong.length > 0) process.exitCode = 1;
