import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { AttemptProgress } from '../../control/api.ts';
import type { ControlClient } from '../../control/client.ts';
import { UpdateError } from '../../errors.ts';
import type { CliContext, DaemonOptions } from '../context.ts';
import { exitCodesHelp } from '../exit-code.ts';
import { followToEnd, followWhile } from '../follow.ts';
import { withDaemon } from '../options.ts';
import { hasEnded, reportOutcome } from '../outcome.ts';
import { plain } from '../plain.ts';
import { verifyOnly } from '../verify-only.ts';

interface UpdateOptions extends DaemonOptions {
  readonly check?: true;
  readonly dryRun?: true;
  readonly bundle?: string;
  readonly verifyOnly?: true;
}

function refuseNonsense({ check, dryRun, bundle, verifyOnly: only }: UpdateOptions): void {
  if (bundle === '') throw new UpdateError('USAGE', 'expected a file after --bundle, found nothing');
  if (only && bundle === undefined)
    throw new UpdateError('USAGE', 'expected --bundle FILE with --verify-only');
  const modes = [check && '--check', dryRun && '--dry-run', bundle !== undefined && '--bundle'].filter(
    (mode) => typeof mode === 'string',
  );
  if (modes.length > 1) throw new UpdateError('USAGE', `expected one of ${modes.join(' and ')}, found both`);
}

/** Kubernetes is known without asking anybody. */
function refuseKubernetes(context: CliContext): void {
  const { kind, reason } = context.runtime();
  if (kind === 'k8s')
    throw new UpdateError(
      'UPDATES_DISABLED',
      `no updates on Kubernetes (${reason}): the image tag is what is updated there`,
    );
}

/** `--check`: the check alone is waited for. */
async function check(context: CliContext, client: ControlClient): Promise<void> {
  const searching = ({ state }: AttemptProgress): boolean => state === 'checking' || state === 'idle';
  const look = await followWhile(context, client, await client.check(), searching);
  if (hasEnded(look)) reportOutcome(context, look, 'update');
  else
    context.print(
      `${look.to === null ? 'a release' : plain(look.to)} was found and is being installed: see \`core sidecar status\``,
    );
}

async function begin(client: ControlClient, { bundle, dryRun }: UpdateOptions): Promise<string> {
  return bundle === undefined ? client.update({ dryRun: dryRun === true }) : client.apply(resolve(bundle));
}

/** `core sidecar update`. */
export function addUpdate(parent: Command, context: CliContext): void {
  withDaemon(parent.command('update'))
    .summary('check for a release, install it and wait for the outcome')
    .description(
      'Checks for a newer release, installs it and waits for the outcome. On the manual channel it installs `update.bundle_path`.',
    )
    .option(
      '--check',
      'run the ordinary check now, and only say what it found (an update that it begins goes on)',
    )
    .option('--dry-run', 'only say what would happen')
    .option('--bundle <file>', 'verify and install this bundle file')
    .option('--verify-only', 'with --bundle: only verify it, with this program’s own keys; needs no daemon')
    .addHelpText(
      'after',
      `${exitCodesHelp()}
Examples:
  core sidecar update --check
  core sidecar update --bundle /mnt/artifact-store/coresdk-sidecar-1.3.0.jws --verify-only`,
    )
    .action(async (options: UpdateOptions) => {
      refuseNonsense(options);
      if (options.verifyOnly && options.bundle !== undefined) {
        await verifyOnly(context, resolve(options.bundle));
        return;
      }
      refuseKubernetes(context);
      const client = await context.connect(options);
      if (options.check) await check(context, client);
      else reportOutcome(context, await followToEnd(context, client, await begin(client, options)), 'update');
    });
}
