/** `core fleet controller|watch`: what halts a rollout by itself. */
import { InvalidArgumentError, type Command } from 'commander';
import { UpdateError } from '../../errors.ts';
import { runController, type ControllerEvent } from '../../fleet/controller.ts';
import { DEFAULT_POLICY } from '../../fleet/halt-decision.ts';
import type { OrderSigner } from '../../fleet/orders.ts';
import type { CliContext } from '../context.ts';
import { fleetAccess, withFleet, type FleetAccess, type FleetOptions } from '../fleet-options.ts';
import { controllerRow, controllerText } from '../fleet-text.ts';
import { help } from '../help.ts';
import { percentage, seconds, wholeNumber } from '../options.ts';
import { plainLine } from '../plain.ts';
import { withSigners, type SignerOptions } from '../signers.ts';
import { instant } from '../time.ts';
import { loadOperator, ORDER_KEY } from './fleet-orders.ts';

interface ControlOptions extends FleetOptions {
  readonly share: number;
  readonly failures: number;
  readonly window: number;
  readonly by?: string;
  readonly json?: true;
}

/** A share above 0. */
function someShare(text: string): number {
  const share = percentage(text);
  if (share === 0) throw new InvalidArgumentError('expected a number above 0 and at most 100');
  return share;
}

function withPolicy(command: Command): Command {
  const { share, failures, windowMs } = DEFAULT_POLICY;
  return withFleet(command)
    .option(
      '--share <percent>',
      'halt when this share of the hosts of a group, or of all, went back',
      someShare,
      share * 100,
    )
    .option('--failures <n>', 'and at least so many hosts', wholeNumber(1, 1_000_000), failures)
    .option(
      '--window <time>',
      'comparing hosts that spoke within so long of each other: 6h, 7d',
      seconds,
      windowMs / 1000,
    )
    .option('--json', 'a line of JSON for each thing that happens');
}

/** Adds `controller` and `watch`. */
export function addFleetControl(fleet: Command, context: CliContext): void {
  const controller = withPolicy(fleet.command('controller'))
    .summary('halt rollouts by themselves')
    .description(
      'Reads how attempts end, and halts the rollout of a release that too many hosts went back from. Runs until it is stopped. It keeps nothing: run as many as you like.',
    )
    .option('--by <name>', 'who orders it, for people; `controller` unless told');
  withSigners(controller, ORDER_KEY)
    .addHelpText('after', help([0, 1, 2], 'core fleet controller --key operator.pem --share 5 --failures 3'))
    .action(async (options: ControlOptions & SignerOptions) => {
      const access = await fleetAccess(options, context);
      await control(options, access, await loadOperator(options, access.keys), context);
    });
  withPolicy(fleet.command('watch'))
    .summary('see what a controller would do')
    .description(
      'Prints how attempts end, and what a controller would halt. Orders nothing. Runs until it is stopped.',
    )
    .addHelpText('after', help([0, 1, 2], 'core fleet watch --share 5 --failures 3'))
    .action(async (options: ControlOptions) => {
      await control(options, await fleetAccess(options, context), null, context);
    });
}

async function control(
  { share, failures, window, by, json }: ControlOptions,
  { connect, product, keys }: FleetAccess,
  signer: OrderSigner | null,
  context: CliContext,
): Promise<void> {
  const tell = (event: ControllerEvent): void => {
    const at = new Date(context.now()).toISOString();
    context.print(
      json ? plainLine({ at, ...controllerRow(event) }) : `${instant(at)}  ${controllerText(event)}`,
    );
  };
  // A server that was never there is a mistake of the command line; one that goes away is waited for.
  await (await connect()).close();
  const stopping = new AbortController();
  const running = runController(
    {
      connect,
      product,
      keys,
      signer,
      policy: { share: share / 100, failures, windowMs: window * 1000 },
      now: context.now,
      tell,
      ...(by === undefined ? {} : { by }),
    },
    stopping.signal,
  );
  const stopped = context.stopped().then(() => {
    stopping.abort();
  });
  await Promise.race([running, stopped]);
  stopping.abort();
  await running.catch((error: unknown) => {
    throw UpdateError.from(error);
  });
}
