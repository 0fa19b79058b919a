/** The doctor on its own, where no daemon answers: it takes no lock, makes no folder, and sees what its own user sees. */
import { join } from 'node:path';
import { systemClock } from '../adapters/clock.ts';
import { nodeDisk } from '../adapters/disk.ts';
import { createProbe } from '../adapters/probe.ts';
import { statePaths } from '../adapters/state-dir.ts';
import { HEAD_MAX_BYTES } from '../bundle/head.ts';
import type { Config } from '../config/index.ts';
import type { DoctorReport } from '../control/api.ts';
import { examine } from '../doctor/examine.ts';
import type { Embedded } from '../embedded.ts';
import { hasErrno, UpdateError } from '../errors.ts';
import type { Feed, HealthProbe, HeadStore } from '../services/ports.ts';
import { whyDisabled } from '../updater.ts';
import { feedUrlOf, openFeed } from './open-feed.ts';
import { describeHost } from './host.ts';

/** What {@link examineFromHere} needs. */
export interface ExamineFromHereOptions {
  readonly config: Config;
  readonly embedded: Embedded;
}

/** The stored heads, as far as they can be read. Nothing is written, and nothing is tidied away under a daemon that runs. */
function readableHeads(folder: string): HeadStore {
  return {
    read: async (channel) => {
      try {
        return await nodeDisk.readFile(join(folder, `${channel}.jws`), HEAD_MAX_BYTES[channel]);
      } catch (error) {
        // What cannot be read from here says nothing; the checks of the state directory tell of it.
        if (hasErrno(error, 'ENOENT', 'EACCES', 'ENOTDIR')) return null;
        throw UpdateError.from(error, 'STATE_DIR_UNUSABLE', `could not read the stored ${channel} head`);
      }
    },
    write: () => Promise.resolve(),
    readTag: () => Promise.resolve(null),
    writeTag: () => Promise.resolve(),
  };
}

/** What cannot be opened is found by the check that asks it. */
async function feedOrFault(
  url: string,
  config: Config,
): Promise<Feed & { readonly close: () => Promise<void> }> {
  try {
    return await openFeed(url, config);
  } catch (error) {
    const broken = (): Promise<never> => Promise.reject(UpdateError.from(error));
    return { head: broken, bundle: broken, close: () => Promise.resolve() };
  }
}

async function probeOrFault(config: Config): Promise<HealthProbe> {
  try {
    return await createProbe(config.probe);
  } catch (error) {
    const broken = (): Promise<never> => Promise.reject(UpdateError.from(error));
    return { look: broken, answered: broken, address: config.probe.url };
  }
}

/**
 * Looks whether the next update would go through, as whoever asks sees it.
 *
 * @param program - absolute path of this program, which is the daemon's too
 * @throws UpdateError `TRUST_SET_INVALID` for a program that was built with a bad key
 */
export async function examineFromHere(
  { config, embedded }: ExamineFromHereOptions,
  program: string,
): Promise<DoctorReport> {
  const url = feedUrlOf({ config, embedded });
  const feed = url === null ? null : await feedOrFault(url, config);
  try {
    return await examine({
      config,
      embedded,
      program,
      disabled: whyDisabled(config),
      inside: null,
      env: process.env,
      ports: {
        clock: systemClock,
        host: { ...describeHost(embedded), machineId: '' },
        feed,
        heads: readableHeads(statePaths(config.stateDir).heads),
        probe: await probeOrFault(config),
      },
    });
  } finally {
    await feed?.close();
  }
}
