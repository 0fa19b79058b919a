import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { addHistory } from './history.ts';
import { addQuarantine } from './quarantine.ts';
import { addResume } from './resume.ts';
import { addRetry } from './retry.ts';
import { addRollback } from './rollback.ts';
import { addStatus } from './status.ts';
import { addUi } from './ui.ts';
import { addUpdate } from './update.ts';

/** `core sidecar`. */
export function addSidecar(parent: Command, context: CliContext): void {
  const sidecar = parent
    .command('sidecar')
    .summary('the sidecar on this host, and its updates')
    .description('The sidecar on this host and its updates. Asks the daemon through its control socket.')
    .addHelpText('after', '\nExample:\n  core sidecar status');
  for (const add of [
    addUpdate,
    addStatus,
    addHistory,
    addRollback,
    addResume,
    addRetry,
    addQuarantine,
    addUi,
  ])
    add(sidecar, context);
}
