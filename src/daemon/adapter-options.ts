import type { Disk } from '../adapters/disk.ts';
import type { SuccessionOptions } from '../adapters/succession.ts';
import type { Config } from '../config/index.ts';
import type { Embedded } from '../embedded.ts';
import { UNKNOWN_VERSION } from '../services/image.ts';
import type { Ports } from '../services/ports.ts';
import type { InheritedSocket } from '../sockets/inherited-sockets.ts';
import type { Installed } from './launch.ts';

/** How the daemon gives way to its next version. */
export type HandOver = Pick<SuccessionOptions, 'args' | 'env' | 'times' | 'leave'>;

/** What the adapters are made from. */
export interface AdapterOptions {
  readonly config: Config;
  readonly embedded: Embedded;
  /** Absolute path of the daemon's own program. */
  readonly program: string;
  /** The program that is installed, where an update brought the one that runs; `program` unless told. */
  readonly installed?: Installed | undefined;
  /** How this program gives way to a newer one; where it is not given, it cannot. */
  readonly handOver?: HandOver | undefined;
  /** Sockets that this process was started with (`takeInheritedSockets`); none unless given. */
  readonly inheritedSockets?: readonly InheritedSocket[];
  /** The disk that the adapters write to; the real one unless told. */
  readonly disk?: Disk;
  /** Adapters in place of the real ones, which are not even opened then. What is reported is always heard by the updater itself. */
  readonly adapters?: Partial<Omit<Ports, 'reporter'>>;
}

/** The program that is there before any update: the installed one, whichever daemon runs. */
export function baselineOf({
  config,
  embedded,
  program,
  installed = { path: program, version: embedded.version },
}: Pick<AdapterOptions, 'config' | 'embedded' | 'program' | 'installed'>): {
  version: string;
  entry: string;
} {
  const { binary } = config.workload;
  return binary === null
    ? { version: installed.version, entry: installed.path }
    : { version: UNKNOWN_VERSION, entry: binary };
}
