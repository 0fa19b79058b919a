/** `core fleet halt|resume`: an operator's orders. */
import { userInfo } from 'node:os';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Command } from 'commander';
import { UpdateError } from '../../errors.ts';
import { giveOrder } from '../../fleet/give-order.ts';
import { namedReleases } from '../../fleet/named.ts';
import type { OperatorKeys } from '../../fleet/orders.ts';
import type { OrderPayload } from '../../fleet/records.ts';
import type { FleetReading } from '../../fleet/reading.ts';
import { holds, orderView } from '../../fleet/view.ts';
import { FEED_CHANNELS } from '../../publish/feed-layout.ts';
import type { Signer } from '../../publish/signer.ts';
import type { Release } from '../../types.ts';
import type { CliContext } from '../context.ts';
import { withFleet, withReading, type FleetOptions } from '../fleet-options.ts';
import { help } from '../help.ts';
import { seconds } from '../options.ts';
import { plain, plainJson } from '../plain.ts';
import { loadOneSigner, withSigners, type SignerOptions } from '../signers.ts';

interface OrderOptions extends FleetOptions, SignerOptions {
  readonly reason: string;
  readonly by?: string;
  readonly for?: number;
  readonly json?: true;
}

/** What `--key` of an order is for. */
export const ORDER_KEY = 'the operator’s private key (EC P-256), one of the operators’ keys that hosts know';

/**
 * Loads the key that signs orders, and sees that hosts will obey it.
 *
 * @throws UpdateError `USAGE` without operators' keys; `SIGNING_FAILED` for a key that is none of them
 */
export async function loadOperator(options: SignerOptions, keys: OperatorKeys): Promise<Signer> {
  if (keys.size === 0)
    throw new UpdateError(
      'USAGE',
      'expected --operator-keys, or fleet.operator_keys_file in the configuration; found neither',
    );
  const signer = await loadOneSigner(options);
  if (keys.has(signer.kid)) return signer;
  const known = [...keys.keys()].join(', ');
  throw new UpdateError(
    'SIGNING_FAILED',
    `expected one of the operators’ keys (${known}), found ${signer.kid}`,
  );
}

/** Adds `halt` and `resume`. */
export function addFleetOrders(fleet: Command, context: CliContext): void {
  addOrder(fleet, context, {
    action: 'halt',
    summary: 'stop the rollout of a release',
    description:
      'Stops the rollout of a release: no host installs it any more, and one that waits for its turn does not begin. What runs is not touched. Safe to run again.',
    done: 'halted',
  });
  addOrder(fleet, context, {
    action: 'resume',
    summary: 'let a release go on',
    description:
      'Takes a halt back. Controllers count what hosts say from then on: what led to the halt does not bring it about again. Safe to run again.',
    done: 'goes on',
  });
}

interface Kind {
  readonly action: OrderPayload['action'];
  readonly summary: string;
  readonly description: string;
  readonly done: string;
}

function addOrder(fleet: Command, context: CliContext, { action, summary, description, done }: Kind): void {
  const command = fleet
    .command(action)
    .summary(summary)
    .description(description)
    .argument(
      '<release>',
      'a version (all its builds), a release digest (or its first 8 digits), or VERSION@DIGEST',
    )
    .requiredOption('--reason <text>', 'why, for people');
  if (action === 'halt')
    command.option('--for <time>', 'how long: 12h, 7d; until it is taken back unless told', seconds);
  withSigners(withFleet(command), ORDER_KEY)
    .option('--by <name>', 'who you are, for people; your user name unless told')
    .option('--json', 'what was ordered, for programs')
    .addHelpText(
      'after',
      help([0, 1, 2], `core fleet ${action} 1.2.0 --reason 'crashes on web' --key operator.pem`),
    )
    .action(async (release: string, options: OrderOptions) => {
      let channels: readonly string[] = [];
      const given = await withReading(options, context, async (reading, connection, { keys }) => {
        channels = channelsOf(reading);
        const signer = await loadOperator(options, keys);
        const orders: OrderPayload[] = [];
        for (const named of namedReleases(reading, release))
          orders.push(
            await order({ reading, connection, signer, named, action, options, now: context.now() }),
          );
        return orders;
      });
      if (options.json) context.print(plainJson(given.map(orderView)));
      else
        for (const each of given)
          context.print(`${done}: ${plain(each.release.version)} (${each.release.digest.slice(0, 12)})`);
      if (action === 'halt' && !options.json) for (const line of alsoBy(channels)) context.print(line);
    });
}

/** The channels that hosts of the fleet follow. */
function channelsOf({ hosts }: FleetReading): readonly string[] {
  // Only words that are channels: what hosts say is not to be pasted into a shell.
  const found = FEED_CHANNELS.filter((channel) => hosts.some(({ value }) => value.channel === channel));
  return found.length === 0 ? ['stable'] : found;
}

/** A host that can read the feed, and has no NATS, knows nothing of the halt. */
const alsoBy = (channels: readonly string[]): string[] => [
  'hosts without NATS hear of it only by the feed; where it is what the channel offers:',
  ...channels.map(
    (channel) =>
      `  core feed rollout --stop --channel ${channel} --feed FEED --key HEAD_KEY --trust TRUST_SET`,
  ),
];

interface OneOrder {
  readonly reading: FleetReading;
  readonly connection: NatsConnection;
  readonly signer: Signer;
  readonly named: Release;
  readonly action: OrderPayload['action'];
  readonly options: OrderOptions;
  readonly now: number;
}

async function order({
  reading,
  connection,
  signer,
  named,
  action,
  options,
  now,
}: OneOrder): Promise<OrderPayload> {
  const before = reading.ledger.of(named.digest);
  const stands = before.order !== null && holds(before.order, now);
  // Nothing to change: the order that stands is the answer. A halt that ends by itself is not one until it is taken back.
  const same = action === 'halt' ? stands && before.order.exp === undefined : !stands;
  if (before.order !== null && same && options.for === undefined) return before.order;
  const given = await giveOrder(
    { connection, product: reading.product, signer, by: options.by ?? userInfo().username, now },
    before,
    {
      action,
      release: named,
      reason: options.reason,
      ...(options.for === undefined ? {} : { exp: Math.floor(now / 1000) + options.for }),
    },
  );
  if (given !== null) return given;
  throw new UpdateError(
    'BUSY',
    `somebody else ordered something about ${named.version} just now; look, and run it again`,
  );
}
