/** The lifecycle as a line of states with the current one lit, and the way back below it where it is taken. Pure. */
import type { StateName } from '../../types.ts';
import { lineWidth, type Line, type Piece } from './line.ts';
import { DAEMON_PATH, FAILURE_PATH, HAPPY_PATH, OVERLAP_PATH, type WatchModel } from './model.ts';

type HappyState = (typeof HAPPY_PATH)[number] | (typeof OVERLAP_PATH)[number] | (typeof DAEMON_PATH)[number];

const SHORT: Readonly<Record<HappyState, string>> = {
  idle: 'idle',
  checking: 'check',
  downloading: 'download',
  verifying: 'verify',
  staging: 'stage',
  waiting: 'wait',
  swapping: 'swap',
  overlapping: 'overlap',
  draining: 'drain',
  probing: 'probe',
  committed: 'commit',
  handingOver: 'hand over',
};

/** The way of the attempt that is shown, as far as it goes well. */
function wayOf({ state, attempt }: WatchModel): readonly HappyState[] {
  const takes = (way: readonly StateName[]): boolean =>
    way.some((each) => each === state || attempt?.path.includes(each) === true);
  const way = takes(OVERLAP_PATH)
    ? HAPPY_PATH.flatMap<HappyState>((each) => (each === 'swapping' ? OVERLAP_PATH : each))
    : HAPPY_PATH;
  return takes(DAEMON_PATH) ? [...way, ...DAEMON_PATH] : way;
}

/** How a state is drawn; the current one also without colours. */
function piece(
  name: string,
  state: StateName,
  { state: current, attempt }: WatchModel,
  failed: boolean,
): Piece {
  if (state === current) return { text: `[${name}]`, tone: 'bold' };
  if (state !== 'idle' && attempt?.path.includes(state) === true)
    return { text: name, tone: failed ? 'bad' : 'good' };
  return { text: name, tone: 'dim' };
}

/** The state in which it went wrong: the last of the happy path before the way back. */
function failedIn({ attempt }: WatchModel): StateName | null {
  const path = attempt?.path ?? [];
  const turn = path.findIndex((state) => FAILURE_PATH.some((each) => each === state));
  return turn > 0 ? (path[turn - 1] ?? null) : null;
}

function happyLine(model: WatchModel, nameOf: (state: HappyState) => string, separator: string): Line {
  const failed = failedIn(model);
  return wayOf(model).flatMap((state, index) => [
    ...(index === 0 ? [] : [{ text: separator, tone: 'dim' } as const]),
    piece(nameOf(state), state, model, state === failed),
  ]);
}

/** Whether the way back is taken, or was by the attempt that is shown. */
function goesBack({ state, attempt }: WatchModel): boolean {
  return FAILURE_PATH.some((each) => each === state || attempt?.path.includes(each) === true);
}

function backLine(model: WatchModel): Line {
  const failed = failedIn(model);
  return [
    { text: `  ✗ ${failed === null ? '' : `${failed} `}→ `, tone: 'bad' },
    ...FAILURE_PATH.filter(
      (state) =>
        state !== 'failed' || model.state === 'failed' || model.attempt?.path.includes('failed') === true,
    ).flatMap((state, index) => [
      ...(index === 0 ? [] : [{ text: ' → ', tone: 'dim' } as const]),
      piece(state, state, model, state === 'failed'),
    ]),
  ];
}

/**
 * The chart, in at most `width` columns: names are shortened where they do not fit, and below 56 columns only the current state is
 * shown.
 */
export function chartLines(model: WatchModel, width: number): Line[] {
  const { state } = model;
  const start: Line[] =
    state === 'recovering'
      ? [[{ text: '[recovering]', tone: 'bold' }, { text: ' what was interrupted' }]]
      : [];
  const candidates = [
    happyLine(model, (each) => each, ' → '),
    happyLine(model, (each) => SHORT[each], ' → '),
    happyLine(model, (each) => SHORT[each], '›'),
  ];
  const line = candidates.find((each) => lineWidth(each) <= width) ?? [
    { text: `[${state ?? '?'}]`, tone: 'bold' as const },
  ];
  return [...start, line, ...(goesBack(model) ? [backLine(model)] : [])];
}
