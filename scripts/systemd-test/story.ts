/** The life of the sidecar under a real systemd, from its installation to its removal. Each chapter goes on where the one before ended. */
import { airGap, install, reference, takeAway } from './chapters/documents.ts';
import {
  killed,
  restartWhileDownloading,
  restartWhileProbing,
  stop,
  unhealthyStart,
  watchdog,
} from './chapters/interruptions.ts';
import { badDaemons, daemonWithoutPower, selfUpdate } from './chapters/self-update.ts';
import { rollback, start, update } from './chapters/updates.ts';
import type { Stage } from './stage.ts';

/** The chapters, in order. */
export const CHAPTERS: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
  install,
  start,
  update,
  'bad release': rollback,
  'restart while probing': restartWhileProbing,
  'restart while downloading': restartWhileDownloading,
  'kill -9': killed,
  watchdog,
  'unhealthy start': unhealthyStart,
  'self-update': selfUpdate,
  'bad daemons': badDaemons,
  'power cut on probation': daemonWithoutPower,
  stop,
  'air gap': airGap,
  'reference unit': reference,
  'take away': takeAway,
};
