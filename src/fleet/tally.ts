/**
 * What hosts said of each release, each attempt once. Holds what the outcomes say and nothing else, so that whoever reads all of them
 * again, in whatever order, has the same.
 */
import type { ErrorCode } from '../error-codes.ts';
import type { OutcomeKind } from '../types.ts';
import type { Word } from './halt-decision.ts';
import type { OutcomeRecord } from './records.ts';

/** What an outcome says of a release that was never swapped in: nothing. */
const SILENT: ReadonlySet<string> = new Set<OutcomeKind>([
  'nothing',
  'available',
  'refused',
  'deferred',
  'error',
  'interrupted',
]);
/** A person went back from it; that is no fault of the release. */
const BY_OPERATOR: ErrorCode = 'ROLLED_BACK_BY_OPERATOR';

/** One outcome as it is kept. */
export interface Heard extends Word {
  /** The outcome's id: `HOST/ATTEMPT`. */
  readonly id: string;
  /** Why it failed: an error code; null where there is none. */
  readonly code: string | null;
  readonly detail: string;
}

/** A release that hosts spoke of. */
export interface Spoken {
  readonly digest: string;
  readonly version: string;
  readonly words: readonly Heard[];
}

/** The words so far. */
export interface Tally {
  /**
   * Takes an outcome in.
   *
   * @param at - when the fleet got it, ms since 1970, by the stream's clock
   * @returns the digest of the release of which something new is known now; null where nothing is
   */
  hear(outcome: OutcomeRecord, at: number): string | null;
  /** What was said of a release; null where nothing was. */
  of(digest: string): Spoken | null;
  all(): Spoken[];
}

/**
 * What an outcome says of its release; null where it says nothing. An outcome of a kind that this program does not know counts as a
 * failure: it is better to halt for nothing than to go on for nothing.
 */
export function wordOf({ outcome, error, trigger }: OutcomeRecord): Word['said'] | null {
  if (outcome === 'committed') return trigger === 'rollback' ? null : 'committed';
  if (SILENT.has(outcome) || error?.code === BY_OPERATOR) return null;
  return 'failed';
}

/** Makes an empty tally. */
export function createTally(): Tally {
  const releases = new Map<string, { version: string; words: Map<string, Heard> }>();
  const view = (
    digest: string,
    { version, words }: { version: string; words: Map<string, Heard> },
  ): Spoken => ({
    digest,
    version,
    words: [...words.values()],
  });
  return {
    hear: (outcome, at) => {
      const said = wordOf(outcome);
      const { digest, id, host, group, error, reason } = outcome;
      if (said === null || digest === null) return null;
      const release = releases.get(digest) ?? {
        version: outcome.to ?? 'unknown',
        words: new Map<string, Heard>(),
      };
      const known = release.words.get(id);
      // Of copies the first counts, whichever comes first here.
      if (known !== undefined && known.at <= at) return null;
      release.words.set(id, {
        id,
        host,
        group,
        said,
        at,
        code: error?.code ?? null,
        detail: error?.message ?? reason,
      });
      releases.set(digest, release);
      return digest;
    },
    of: (digest) => {
      const release = releases.get(digest);
      return release === undefined ? null : view(digest, release);
    },
    all: () => [...releases].map(([digest, release]) => view(digest, release)),
  };
}
