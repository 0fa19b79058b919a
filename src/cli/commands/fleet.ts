/** `core fleet`: many hosts, by what they say in NATS. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { FleetHostView } from '../../control/api.ts';
import { ensureSpine } from '../../fleet/spine.ts';
import { fleetView, HOST_STATES, hostViews } from '../../fleet/view.ts';
import type { CliContext } from '../context.ts';
import { fleetAccess, withFleet, withReading, type FleetOptions } from '../fleet-options.ts';
import { fleetText, hostsText, rolloutsText } from '../fleet-text.ts';
import { help } from '../help.ts';
import { wholeNumber } from '../options.ts';
import { plain, plainJson } from '../plain.ts';
import { addFleetAnnounce } from './fleet-announce.ts';
import { addFleetControl } from './fleet-control.ts';
import { addFleetOrders } from './fleet-orders.ts';

interface LookOptions extends FleetOptions {
  readonly json?: true;
}

const SERVER = '--nats nats://127.0.0.1:4222';

/** `core fleet`. */
export function addFleet(parent: Command, context: CliContext): void {
  const fleet = parent
    .command('fleet')
    .summary('many hosts')
    .description('Many hosts: how a release gets on among them, and what halts it.')
    .addHelpText('after', help([0, 1, 2, 5], `core fleet status ${SERVER}`, 'core fleet rollout 1.2.0'));
  addInit(fleet, context);
  addStatus(fleet, context);
  addHosts(fleet, context);
  addRollouts(fleet, context);
  addFleetAnnounce(fleet, context);
  addFleetOrders(fleet, context);
  addFleetControl(fleet, context);
}

/** NATS takes 2 and 4 as well, but they survive no more losses than 1 and 3. */
function replicaCount(text: string): number {
  if (!['1', '3', '5'].includes(text)) throw new InvalidArgumentError('expected 1, 3 or 5');
  return Number(text);
}

function addInit(fleet: Command, context: CliContext): void {
  withFleet(fleet.command('init'))
    .summary('make the fleet’s streams')
    .description(
      'Makes the streams and buckets of the fleet in NATS, or changes their limits. Safe to run again; deletes nothing.',
    )
    .option('--replicas <n>', 'copies in a cluster: 1, 3 or 5', replicaCount, 1)
    .option(
      '--lease <seconds>',
      'how long a host’s place lasts without a renewal',
      wholeNumber(10, 3600),
      120,
    )
    .addHelpText('after', help([0, 1, 2], `core fleet init ${SERVER}`))
    .action(async ({ replicas, lease, ...options }: FleetOptions & { replicas: number; lease: number }) => {
      const access = await fleetAccess(options, context);
      const connection = await access.connect();
      try {
        const limits = { replicas, leaseMs: lease * 1000 };
        for (const [name, done] of await ensureSpine(connection, access.product, limits))
          context.print(`${plain(name)}: ${done}`);
      } finally {
        await connection.close();
      }
    });
}

function addStatus(fleet: Command, context: CliContext): void {
  withFleet(fleet.command('status'))
    .summary('the fleet at a glance')
    .description(
      'The fleet at a glance: who is there, what runs, what is halted, how the last attempts ended.',
    )
    .option('--json', 'for programs')
    .addHelpText('after', help([0, 1, 2], `core fleet status ${SERVER}`))
    .action(async ({ json, ...options }: LookOptions) => {
      await withReading(options, context, async (reading) => {
        const view = fleetView(reading);
        context.print(json ? plainJson(view) : fleetText(view, context.style));
        await Promise.resolve();
      });
    });
}

function addHosts(fleet: Command, context: CliContext): void {
  withFleet(fleet.command('hosts'))
    .summary('the hosts, a line each')
    .description('Lists the hosts: what each runs, what it does, and when it was seen last.')
    .option('--group <name>', 'only hosts of this group')
    .option('--release <version>', 'only hosts that run this version')
    .addOption(new Option('--state <state>', 'only hosts in this state').choices(HOST_STATES))
    .option('--json', 'a list, for programs')
    .addHelpText('after', help([0, 1, 2], 'core fleet hosts --group web --state lost'))
    .action(
      async (
        options: LookOptions & {
          readonly group?: string;
          readonly release?: string;
          readonly state?: string;
        },
      ) => {
        const { json, group, release, state } = options;
        const fits = (host: FleetHostView): boolean =>
          (group === undefined || host.group === group) &&
          (release === undefined || host.version === release) &&
          (state === undefined || host.state === state);
        await withReading(options, context, async (reading) => {
          const hosts = hostViews(reading).filter(fits);
          context.print(json ? plainJson(hosts) : hostsText(hosts, reading.now, context.style));
          await Promise.resolve();
        });
      },
    );
}

function addRollouts(fleet: Command, context: CliContext): void {
  withFleet(fleet.command('rollout'))
    .summary('how far releases are')
    .description(
      'How far releases are, by group: committed, gone back from, under way, pending. Each host is counted once.',
    )
    .argument('[version]', 'only this version; the newest three unless told')
    .option('--json', 'a list, for programs')
    .addHelpText('after', help([0, 1, 2, 5], 'core fleet rollout 1.2.0'))
    .action(async (version: string | undefined, { json, ...options }: LookOptions) => {
      await withReading(options, context, async (reading) => {
        const all = fleetView(reading).rollouts;
        const shown =
          version === undefined ? all.slice(0, 3) : all.filter((each) => each.version === version);
        context.print(json ? plainJson(shown) : rolloutsText(shown, context.style));
        // A script that asks about one release hears that it is halted.
        if (version !== undefined && shown.some(({ halted }) => halted !== null)) context.end(5);
        await Promise.resolve();
      });
    });
}
