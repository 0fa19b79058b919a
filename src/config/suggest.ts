/** Finds what a person probably meant, for messages. */

/** Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours. */
function distance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, (beforePrevious[j - 2] ?? 0) + 1);
      row.push(best);
    }
    beforePrevious = previous;
    previous = row;
  }
  return previous[b.length] ?? 0;
}

/** `checkInterval`, `check-interval` and `check_interval` are one. */
const folded = (text: string): string => text.toLowerCase().replaceAll(/[^a-z0-9]/g, '');

/**
 * The candidate that is nearest to `text`, or `null` where none is near (more than a third of it differs).
 *
 * @param text - what was found
 * @param candidates - what is allowed
 */
export function nearest(text: string, candidates: readonly string[]): string | null {
  const wanted = folded(text.slice(0, 64));
  let best: { candidate: string; far: number } | null = null;
  for (const candidate of candidates) {
    const far = distance(wanted, folded(candidate));
    if (far <= Math.max(1, Math.floor(candidate.length / 3)) && (best === null || far < best.far))
      best = { candidate, far };
  }
  return best?.candidate ?? null;
}

/** The end of a message: `; did you mean "x"?`, or nothing where no candidate is near. */
export function didYouMean(text: string, candidates: readonly string[]): string {
  const candidate = nearest(text, candidates);
  return candidate === null ? '' : `; did you mean ${JSON.stringify(candidate)}?`;
}
