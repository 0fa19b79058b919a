/** Options by which a command of `core fleet` reaches the fleet. */
import { readFile } from 'node:fs/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { UpdateError } from '../errors.ts';
import { connectNats, isNatsUrl, type NatsAccess } from '../fleet/connect.ts';
import { importOperatorKeys, type OperatorKeys } from '../fleet/orders.ts';
import { readFleet, type FleetReading } from '../fleet/reading.ts';
import type { CliContext } from './context.ts';
import { DEFAULT_PRODUCT } from './options.ts';

/** What {@link withFleet} adds. */
export interface FleetOptions {
  readonly nats?: string[];
  readonly creds?: string;
  readonly ca?: string;
  readonly operatorKeys?: string;
  readonly product?: string;
  readonly config?: string;
}

/** How a command reaches the fleet. */
export interface FleetAccess {
  readonly product: string;
  /** Whose orders count; empty where nobody has said. */
  readonly keys: OperatorKeys;
  /** A new connection; it does not connect again by itself. */
  connect(): Promise<NatsConnection>;
}

/** How long the fleet may take to be read. */
const READ_MS = 60_000;

/** One more server. What was found is not shown, for it may hold a password. */
function moreServers(text: string, before: readonly string[] | undefined): string[] {
  if (isNatsUrl(text)) return [...(before ?? []), text];
  throw new UpdateError(
    'USAGE',
    'expected nats://HOST:PORT or tls://HOST:PORT without user and password after --nats (--creds FILE for those), found something else',
  );
}

/** Adds `--nats`, `--creds`, `--ca`, `--operator-keys`, `--product` and `--config`. */
export function withFleet(command: Command): Command {
  return command
    .option(
      '--nats <url>',
      'the NATS server; repeat it for more (default: fleet.nats of the configuration)',
      moreServers,
    )
    .option('--creds <file>', 'credentials for it: a .creds file or an nkey seed')
    .option('--ca <file>', 'PEM of the authorities that are believed')
    .option(
      '--operator-keys <file>',
      'JWK set of the keys whose orders count (default: fleet.operator_keys_file)',
    )
    .option('--product <name>', 'the product (default: the one that this program was built for)')
    .option('--config <file>', 'the configuration (default /etc/coresdk/sidecar.yaml)');
}

/**
 * What the options, and else the configuration, say of the fleet.
 *
 * @throws UpdateError `FLEET_NOT_CONFIGURED` where neither names a server; `CONFIG_INVALID` for keys that cannot be read
 */
export async function fleetAccess(options: FleetOptions, context: CliContext): Promise<FleetAccess> {
  const {
    nats,
    creds,
    ca,
    operatorKeys,
    product = context.embedded.trust?.product ?? DEFAULT_PRODUCT,
  } = options;
  const wanted = nats === undefined || operatorKeys === undefined || options.config !== undefined;
  const fleet = wanted ? (await context.load(options)).config.fleet : null;
  const configured = fleet?.nats ?? null;
  const urls = nats ?? configured?.urls;
  if (urls === undefined)
    throw new UpdateError(
      'FLEET_NOT_CONFIGURED',
      'expected --nats, or fleet.nats in the configuration; found neither',
    );
  // What is given on the command line is not mixed with another server's secrets.
  const own = nats === undefined ? configured : null;
  const access: NatsAccess = {
    urls,
    credentialsFile: creds === undefined ? (own?.credentialsFile ?? null) : resolve(creds),
    caFile: ca === undefined ? (own?.caFile ?? null) : resolve(ca),
    certFile: own?.certFile ?? null,
    keyFile: own?.keyFile ?? null,
  };
  const keysFile = operatorKeys ?? fleet?.operatorKeysFile ?? null;
  return {
    product,
    keys: keysFile === null ? new Map() : importOperatorKeys(await readKeys(keysFile), keysFile),
    connect: () => connectNats(access, { name: 'core fleet' }),
  };
}

async function readKeys(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new UpdateError('CONFIG_INVALID', `the operators’ keys ${path} cannot be read`, { cause: error });
  }
}

/**
 * Connects, reads everything, does something with it, and closes.
 *
 * @throws UpdateError `FLEET_NOT_CONFIGURED`, `FLEET_UNREACHABLE`, `CONFIG_INVALID`, and what `work` rejects with
 */
export async function withReading<T>(
  options: FleetOptions,
  context: CliContext,
  work: (reading: FleetReading, connection: NatsConnection, access: FleetAccess) => Promise<T>,
): Promise<T> {
  const access = await fleetAccess(options, context);
  const connection = await access.connect();
  try {
    const { product, keys } = access;
    const signal = AbortSignal.timeout(READ_MS);
    const reading = await readFleet(connection, { product, keys, now: context.now(), signal });
    if (reading.refused > 0) context.note(refusedText(reading.refused, keys.size));
    return await work(reading, connection, access);
  } finally {
    await connection.close();
  }
}

function refusedText(refused: number, keys: number): string {
  const whose =
    keys === 0
      ? 'no operators’ keys were given (--operator-keys)'
      : 'no operators’ key has signed them rightly';
  return `warning: ${String(refused)} ${refused === 1 ? 'order does' : 'orders do'} not count: ${whose}`;
}
