/**
 * The tape: every effect of a run in order, with what the world was right before it. One run thereby gives all of its crash points.
 *
 * Invariant: an effect is on the tape before it happens. Whatever `before` throws is what the effect ends with; it does not happen then.
 */

/** An effect, as it is about to happen. */
export interface Effect {
  /** `write`, `rename`, `fsyncDir`, `journal`, `spawn` … */
  readonly op: string;
  /** What it is about: a path, a method and a state, a pid. */
  readonly what: string;
}

/** A place on the tape, with what a crash right before it leaves beside the disk. */
export interface Moment<Beside> extends Effect {
  readonly beside: Beside;
}

/** A tape; `Beside` is what must be remembered of each moment. */
export interface Tape<Beside = unknown> {
  readonly moments: readonly Moment<Beside>[];
  /** The number of the effect that comes next. */
  readonly next: number;
  /** Puts an effect on the tape and returns its number. */
  record(effect: Effect): number;
}

/**
 * @param look - what must be remembered of the moment
 * @param before - may throw, and so make the effect fail
 */
export function createTape<Beside>(
  look: () => Beside,
  before: (effect: Effect, number: number) => void = () => undefined,
): Tape<Beside> {
  const moments: Moment<Beside>[] = [];
  return {
    moments,
    get next() {
      return moments.length;
    },
    record: (effect) => {
      const number = moments.length;
      moments.push({ ...effect, beside: look() });
      before(effect, number);
      return number;
    },
  };
}
