import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { help } from '../help.ts';
import { addApprove } from './approve.ts';
import { addConfig } from './config.ts';
import { addDoctor } from './doctor.ts';
import { addHistory } from './history.ts';
import { addLogs } from './logs.ts';
import { addPause } from './pause.ts';
import { addQuarantine } from './quarantine.ts';
import { addResume } from './resume.ts';
import { addRetry } from './retry.ts';
import { addRollback } from './rollback.ts';
import { addStatus } from './status.ts';
import { addUi } from './ui.ts';
import { addUpdate } from './update.ts';
import { addVersions } from './versions.ts';

/** In the order of the help: what is looked at and done most often first. */
const COMMANDS = [
  addStatus,
  addUpdate,
  addRollback,
  addHistory,
  addVersions,
  addPause,
  addResume,
  addApprove,
  addRetry,
  addQuarantine,
  addDoctor,
  addConfig,
  addLogs,
  addUi,
] as const;

/** `core sidecar`. */
export function addSidecar(parent: Command, context: CliContext): void {
  const sidecar = parent
    .command('sidecar')
    .summary('the sidecar on this host, and its updates')
    .description('The sidecar on this host and its updates. Asks the daemon through its control socket.')
    .addHelpText('after', help([0, 1, 2, 3, 4, 5, 6], 'core sidecar status', 'core sidecar status --watch'));
  for (const add of COMMANDS) add(sidecar, context);
}
