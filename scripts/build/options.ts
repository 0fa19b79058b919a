import type { Metafile } from 'esbuild';
import type { TrustFile } from '../../src/bundle/trust.ts';
import type { Embedded } from '../../src/embedded.ts';

/** The processors that the program is built for. */
export const ARCHS = ['x64', 'arm64'] as const;

/** A processor that the program is built for, as Node names it. */
export type Arch = (typeof ARCHS)[number];

/**
 * - `executable`: one file with Node in it; what is installed.
 * - `script`: one JavaScript file that needs a Node; small and made in a second, for releases that tests and demos publish.
 */
export type Form = 'executable' | 'script';

/** What {@link build} makes, and out of what. */
export interface BuildOptions {
  /** The folder that the program is written to; made if it is not there. */
  readonly out: string;
  /** The trust file's path or its content; null for a program that refuses every update. */
  readonly trust: string | TrustFile | null;
  /** `executable` unless given. */
  readonly form?: Form | undefined;
  /** The processor of an executable; this machine's unless given. */
  readonly arch?: Arch | undefined;
  /** SemVer version of the program; package.json's unless given. */
  readonly version?: string | undefined;
  /** Unless given, from git; `unknown` where there is none. */
  readonly commit?: string | undefined;
  /** Time of the commit, ms since 1970; unless given, from git; 0 where there is none. */
  readonly builtFrom?: number | undefined;
  /** Default of `update.feed_url`; none unless given. */
  readonly feedUrl?: string | null | undefined;
  /** Modules that are replaced, by the end of their path: for releases that are broken on purpose, in the demo and tests. */
  readonly replace?: Readonly<Record<string, string>> | undefined;
  /** The entry module; `src/main.ts` unless given. */
  readonly entry?: string | undefined;
}

/** What was built. */
export interface Built {
  /** The program's path. */
  readonly program: string;
  /** Bytes of the program. */
  readonly size: number;
  readonly embedded: Embedded;
  /** What esbuild put into it: each module, and who asked for it. */
  readonly metafile: Metafile;
}

/** A mistake of whoever builds; the message is for people. */
export class BuildError extends Error {
  override readonly name = 'BuildError';
}
