/** `core sidecar doctor` for people: the summary, then a line a check, the worst first. Pure. */
import type { CheckView, DoctorReport } from '../control/api.ts';
import { plain } from './plain.ts';
import type { Style } from './style.ts';
import { tableLines } from './table.ts';

const MARKS = { fail: '✗', warn: '!', pass: '✓', skip: '-' } as const satisfies Record<
  CheckView['result'],
  string
>;
const TONES = { fail: 'bad', warn: 'warn', pass: 'good', skip: 'dim' } as const satisfies Record<
  CheckView['result'],
  keyof Style
>;
const ORDER = Object.keys(MARKS);

const FROM = {
  daemon: 'The daemon looked, from inside of its sandbox.',
  caller:
    'No daemon answers: this was looked at from here, as the user who asked. A daemon in its sandbox may see something else.',
} as const satisfies Record<DoctorReport['inside'], string>;

/**
 * The doctor's report for people.
 *
 * @param report - as the control API tells it
 * @returns lines without a line break at the end
 */
export function doctorText({ inside, result, summary, checks }: DoctorReport, style: Style): string {
  const sorted = checks.toSorted((a, b) => ORDER.indexOf(a.result) - ORDER.indexOf(b.result));
  const rows = tableLines(sorted.map(({ name, message }) => [plain(name), plain(message)]));
  const lines = sorted.flatMap(({ result: found, next }, index) => [
    `${style[TONES[found]](MARKS[found])} ${rows[index] ?? ''}`,
    ...(next === '' ? [] : [`  → ${plain(next)}`]),
  ]);
  return [style[TONES[result]](plain(summary)), FROM[inside], '', ...lines].join('\n');
}
