/**
 * What the build puts into the program, in one module that the build replaces as a whole (`scripts/build.ts`). Run from
 * source, the program has no keys: it supervises a workload, and refuses every update.
 *
 * Invariant: nothing else in the program can add, replace or disable a key.
 */
import type { TrustFile } from './bundle/trust.ts';

/** Facts that are fixed when the program is built. */
export interface Embedded {
  /** SemVer version of the program. */
  readonly version: string;
  /** The commit that it was built from. */
  readonly commit: string;
  /** Time of that commit, ms since 1970: no honest host is earlier. */
  readonly builtFrom: number;
  /** The public keys; null in a program run from source. */
  readonly trust: TrustFile | null;
  /** Default of `update.feed_url`; null for none. */
  readonly feedUrl: string | null;
}

/** The facts of this build. */
export const embedded: Embedded = {
  version: '0.0.0-source',
  commit: 'source',
  builtFrom: 0,
  trust: null,
  feedUrl: null,
};
