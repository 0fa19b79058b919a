import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { AttemptProgress, Status, WaitingView } from '../../control/api.ts';
import type { ControlClient } from '../../control/client.ts';
import { UpdateError } from '../../errors.ts';
import type { CliContext, DaemonOptions } from '../context.ts';
import { dryRunOf, dryRunText } from '../dry-run.ts';
import { followToEnd, followWhile } from '../follow.ts';
import { help } from '../help.ts';
import { withDaemon } from '../options.ts';
import { hasEnded, outcomeJson, outcomeText, reportOutcome } from '../outcome.ts';
import { plain, plainJson } from '../plain.ts';
import { verifyOnly } from '../verify-only.ts';

interface UpdateOptions extends DaemonOptions {
  readonly check?: true;
  readonly dryRun?: true;
  readonly bundle?: string;
  readonly verifyOnly?: true;
  readonly json?: true;
  /** False with `--no-wait`. */
  readonly wait: boolean;
}

function refuseNonsense({ check, dryRun, bundle, verifyOnly: only, json, wait }: UpdateOptions): void {
  if (bundle === '') throw new UpdateError('USAGE', 'expected a file after --bundle, found nothing');
  if (only && bundle === undefined)
    throw new UpdateError('USAGE', 'expected --bundle FILE with --verify-only');
  const given = (found: boolean | undefined, option: string): string[] => (found === true ? [option] : []);
  for (const options of [
    [...given(check, '--check'), ...given(dryRun, '--dry-run'), ...given(bundle !== undefined, '--bundle')],
    [...given(check, '--check'), ...given(dryRun, '--dry-run'), ...given(!wait, '--no-wait')],
    [...given(only, '--verify-only'), ...given(!wait, '--no-wait')],
    [...given(only, '--verify-only'), ...given(json, '--json')],
  ])
    if (options.length > 1)
      throw new UpdateError('USAGE', `expected one of ${options.join(' and ')}, found both`);
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

/** How an update that waits may go on. */
function wayOn({ for: what }: WaitingView, to: string | null): string {
  switch (what) {
    case 'approval':
      return `\`core sidecar approve${to === null ? '' : ` ${plain(to)}`}\` lets it go on`;
    case 'window':
      return '`core sidecar pause`, then `core sidecar update` and `core sidecar resume`, install it now';
    // An operator's own update waits for it as well.
    default:
      return 'it goes on by itself';
  }
}

/** Who waits already, and what to type: an attempt that waits may stand in the way of an operator for hours. */
async function whyBusy(client: ControlClient, busy: UpdateError): Promise<UpdateError> {
  const { state, waiting, to } = await client.status();
  if (state !== 'waiting' || waiting === null) return busy;
  const name = to === null ? 'an update' : plain(to);
  return new UpdateError('BUSY', `${name} waits already: ${waiting.reason}; ${wayOn(waiting, to)}`, {
    cause: busy,
  });
}

async function begin(client: ControlClient, { bundle, dryRun }: UpdateOptions): Promise<string> {
  try {
    return bundle === undefined
      ? await client.update({ dryRun: dryRun === true })
      : await client.apply(resolve(bundle));
  } catch (error) {
    throw error instanceof UpdateError && error.code === 'BUSY' ? await whyBusy(client, error) : error;
  }
}

/** `--check`: the check alone is waited for. */
async function check(context: CliContext, client: ControlClient, json: boolean): Promise<void> {
  const searching = ({ state }: AttemptProgress): boolean => state === 'checking' || state === 'idle';
  const look = await followWhile(context, client, await client.check(), searching);
  if (hasEnded(look)) reportOutcome(context, look, 'update', json);
  else if (json) context.print(plainJson(outcomeJson(look, 0)));
  else
    context.print(
      `${look.to === null ? 'a release' : plain(look.to)} was found and is being installed: see \`core sidecar status\``,
    );
}

/** `--dry-run`: what would happen, and what stands in the way of it. */
async function dryRun(context: CliContext, client: ControlClient, options: UpdateOptions): Promise<void> {
  // First: what the last check held back is forgotten by a check that holds nothing back.
  const before: Status = await client.status();
  const settings = await client.config();
  const look = await followToEnd(context, client, await begin(client, options));
  const { exit, line } = outcomeText(look, 'update');
  const found = dryRunOf({ look, before, settings, exit });
  if (options.json) context.print(plainJson(found));
  if (exit !== 0) context.note(line);
  else if (!options.json) context.print(dryRunText(found, context.now()));
  context.end(exit);
}

/** `--no-wait`: the id, and how to follow it. */
function letGo(context: CliContext, attempt: string, json: boolean): void {
  context.print(
    json
      ? plainJson({ attempt })
      : `attempt ${plain(attempt)} has begun: \`core sidecar status --watch\` shows it, \`core sidecar history\` tells how it ended`,
  );
}

/** `core sidecar update`. */
export function addUpdate(parent: Command, context: CliContext): void {
  withDaemon(parent.command('update'))
    .summary('check for a release, install it and wait for the outcome')
    .description(
      'Checks for a newer release, installs it and waits for the outcome, which the exit code tells. It waits for no window, no approval and no rollout: whoever types it decides. On the manual channel it installs `update.bundle_path`.',
    )
    .option(
      '--check',
      'run the ordinary check now, and only say what it found (an update that it begins goes on)',
    )
    .option('--dry-run', 'only say what would happen, and why')
    .option('--bundle <file>', 'verify and install this bundle file')
    .option('--verify-only', 'with --bundle: only verify it, with this program’s own keys; needs no daemon')
    .option('--no-wait', 'only begin: print the attempt’s id and how to follow it')
    .option('--json', 'the outcome, for programs')
    .addHelpText(
      'after',
      help(
        [0, 1, 2, 3, 4, 5, 6],
        'core sidecar update --check',
        'core sidecar update --dry-run',
        'core sidecar update --bundle /mnt/artifact-store/coresdk-sidecar-1.3.0.jws --verify-only',
      ),
    )
    .action(async (options: UpdateOptions) => {
      refuseNonsense(options);
      if (options.verifyOnly && options.bundle !== undefined) {
        await verifyOnly(context, resolve(options.bundle));
        return;
      }
      refuseKubernetes(context);
      const client = await context.connect(options);
      const { json = false } = options;
      if (options.check) await check(context, client, json);
      else if (options.dryRun) await dryRun(context, client, options);
      else if (!options.wait) letGo(context, await begin(client, options), json);
      else
        reportOutcome(
          context,
          await followToEnd(context, client, await begin(client, options)),
          'update',
          json,
        );
    });
}
