/** `core sidecar history` for people: a line an attempt. Pure. */
import type { AttemptView } from '../control/api.ts';
import { plain } from './plain.ts';
import type { Style } from './style.ts';
import { tableLines } from './table.ts';
import { duration, instant } from './time.ts';

const HEADER = ['started', 'from → to', 'outcome', 'code', 'took', 'by'] as const;

function cells({ started_at, ended_at, from, to, outcome, error, trigger }: AttemptView): string[] {
  // An attempt that ended before its swap has no version that it came from.
  const way = `${from === null ? '' : `${plain(from)} `}→ ${plain(to ?? '?')}`;
  const took = ended_at === null ? 'under way' : duration(Date.parse(ended_at) - Date.parse(started_at));
  return [
    instant(started_at),
    from === null && to === null ? '-' : way,
    outcome ?? '-',
    error?.code ?? '-',
    took,
    trigger,
  ];
}

function* details(attempt: AttemptView, style: Style): Generator<string> {
  yield style.dim(
    `    ${plain(attempt.id)}${attempt.digest === null ? '' : `, release ${plain(attempt.digest)}`}`,
  );
  if (attempt.reason !== '') yield `    ${plain(attempt.reason)}`;
  const start = Date.parse(attempt.started_at);
  for (const { state, at } of attempt.steps)
    yield style.dim(`    +${duration(Date.parse(at) - start)}  ${state}`);
}

/**
 * The history for people.
 *
 * @param attempts - newest first
 * @param options.verbose - also each attempt's id, reason and steps
 * @returns lines without a line break at the end
 */
export function historyText(
  attempts: readonly AttemptView[],
  { verbose, style }: { readonly verbose: boolean; readonly style: Style },
): string {
  if (attempts.length === 0) return 'no attempts yet';
  const [head = '', ...rows] = tableLines([HEADER, ...attempts.map(cells)]);
  return [
    style.bold(head),
    ...attempts.flatMap((attempt, index) => [rows[index] ?? '', ...(verbose ? details(attempt, style) : [])]),
  ].join('\n');
}
