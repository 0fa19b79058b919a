/**
 * A real daemon on a real feed, attacked over and over. Each attack is otherwise right: a release above all that runs, named
 * by a fresh head, signed by the keys that the program trusts. Only the defence stands in its way.
 */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, inject } from 'vitest';
import type { AttemptProgress } from '../../../src/control/api.ts';
import { createControlClient, type ControlClient } from '../../../src/control/client.ts';
import type { ErrorCode } from '../../../src/error-codes.ts';
import { UpdateError } from '../../../src/errors.ts';
import { createHost, type Host, type HostOptions } from '../../e2e/support/host.ts';
import { craft, readKeys } from './craft.ts';
import { bundleMaker, headClaims, headMaker, json, release, type Keys, type Maker } from './makers.ts';

/** How a daemon is made to meet an attack: a check of the feed, or a local bundle. */
export type Meeting = 'check' | { readonly bundle: string };

/** How an attempt ended. */
export type Ended = NonNullable<AttemptProgress['ended']>;

/** What a head says beside the right claims. */
export type ClaimChange = NonNullable<Parameters<typeof headClaims>[0]['change']>;

/** A daemon under attack. */
export interface Rig extends AsyncDisposable {
  readonly host: Host;
  readonly client: ControlClient;
  readonly keys: Keys;
  readonly foreign: Keys;
  /** A right bundle in the feed, and where it lies there. */
  readonly good: { readonly bytes: Buffer; readonly path: string; readonly digest: string };
  /** Right claims with a place after all before; `change` replaces claims. */
  claims(change?: ClaimChange): Record<string, unknown>;
  /** A right edge head with these claims. */
  head(change?: ClaimChange): Buffer;
  /** Puts a file into the feed. */
  place(path: string, bytes: Uint8Array): Promise<void>;
  /** Puts a bundle into the feed, and a right head that names it. */
  offer(bundle: Uint8Array, digest: string, change?: ClaimChange): Promise<void>;
  /** Writes a file outside of everything that the daemon owns, and returns its path. */
  write(bytes: Uint8Array): Promise<string>;
  /** An honest maker of documents of a kind. */
  maker(kind: Maker['kind']): Promise<Maker>;
  /** Lets the daemon meet what was prepared; resolves with the attempt's end. */
  meet(meeting: Meeting): Promise<Ended>;
  /** Lets the daemon meet an attack, and asserts that it came to nothing. */
  expectRefused(meeting: Meeting, code: ErrorCode): Promise<Ended>;
  /** Whether no attack got through so far: idle, nothing staged, nothing rolled back. */
  isUntouched(): Promise<boolean>;
  /** Forgets the heads that were accepted, and empties the feed: the next attack meets a host without a past. */
  reset(): Promise<void>;
}

/** What must be the same after an attack. */
async function look(host: Host): Promise<unknown> {
  const status = await host.status();
  return {
    pid: status?.workload.pid,
    restarts: status?.workload.restarts,
    current: status?.current,
    versions: await readdir(join(host.stateDir, 'versions')),
    unpacked: (await readdir(join(host.stateDir, 'downloads'))).filter((name) => !name.endsWith('.jws')),
    state: (await readdir(host.stateDir)).filter((name) => !name.startsWith('state.db')).sort(),
    beside: (await readdir(host.root)).sort(),
    quarantine: status?.quarantine,
    paused: status?.paused,
  };
}

/** Another program than the built one, in the daemon's place. */
export interface OtherProgram {
  readonly argv: readonly string[];
  /** After the configuration's path. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Starts a daemon with its workload; it checks only when told. */
export async function createRig(options: HostOptions = {}, program?: OtherProgram): Promise<Rig> {
  const built = inject('built');
  const update = { check_interval: 3600, ...options.config?.['update'] };
  const host = await createHost({ ...options, config: { ...options.config, update } });
  const outside = await mkdtemp(join(tmpdir(), 'coresdk-attack-'));
  const keys = readKeys(built.keys);
  const foreign = readKeys(built.foreignKeys);
  const client = createControlClient({ socket: join(host.stateDir, 'control.sock') });
  const { feedDir } = host.publisher;

  const shared = { keys, foreign, other: Buffer.alloc(0), address: host.feed.url };
  const good = {
    bytes: (await bundleMaker(shared, 'feed bundle')).make(),
    path: 'bundles/good.jws',
    digest: release().digest,
  };
  let seq = 0;
  let files = 0;
  const claims: Rig['claims'] = (change = {}) => {
    seq += 1;
    return headClaims({ seq, bundle: good.bytes, path: good.path, digest: good.digest, change });
  };
  const head: Rig['head'] = (change) =>
    craft({ key: keys['head-edge'], typ: 'coresdk-head+jwt', payload: json(claims(change)) });
  const place: Rig['place'] = async (path, bytes) => {
    await mkdir(dirname(join(feedDir, path)), { recursive: true });
    await writeFile(join(feedDir, path), bytes);
  };
  const meet: Rig['meet'] = async (meeting) => {
    const begin = (): Promise<string> =>
      meeting === 'check' ? client.check() : client.apply(meeting.bundle);
    let id: string;
    try {
      id = await begin();
    } catch (error) {
      // The one check that a daemon makes by itself soon after its start may be under way.
      if (!(error instanceof UpdateError) || error.code !== 'BUSY') throw error;
      await client.watch(({ state }) => state === 'idle', { pollMs: 5 });
      id = await begin();
    }
    const { ended } = await client.follow(id, { pollMs: 5 });
    if (ended === null) throw new Error('an attempt that was followed to its end has no end');
    return ended;
  };

  await place(good.path, good.bytes);
  if (program === undefined) await host.start();
  else await host.start({ argv: [...program.argv, host.configFile, ...program.args], env: program.env });
  await host.until('idle', ({ state, workload }) => state === 'idle' && workload.state === 'running');

  return {
    host,
    client,
    keys,
    foreign,
    good,
    claims,
    head,
    place,
    offer: async (bundle, digest, change = {}) => {
      files += 1;
      const path = `bundles/attack-${String(files)}.jws`;
      await place(path, bundle);
      seq += 1;
      const named = headClaims({ seq, bundle, path, digest, change });
      await place(
        'edge.jws',
        craft({ key: keys['head-edge'], typ: 'coresdk-head+jwt', payload: json(named) }),
      );
    },
    write: async (bytes) => {
      files += 1;
      const path = join(outside, `${String(files)}.jws`);
      await writeFile(path, bytes);
      return path;
    },
    maker: (kind) => {
      if (kind === 'head') return Promise.resolve(headMaker({ ...shared, other: good.bytes }, claims()));
      return bundleMaker({ ...shared, other: head() }, kind);
    },
    meet,
    expectRefused: async (meeting, code) => {
      const before = await look(host);
      const asked = host.feed.requests.length;
      const ended = await meet(meeting);
      expect({ code: ended.error?.code, reason: ended.reason }).toMatchObject({ code });
      const status = await client.status();
      if (ended.outcome !== 'nothing') expect(status.last_error).toMatchObject({ code });
      expect(await look(host)).toEqual(before);
      expect(before).toMatchObject({ versions: [], unpacked: [] });
      // Whatever a document says, nothing else is asked for.
      for (const path of host.feed.requests.slice(asked))
        expect(path).toMatch(/^\/(edge|stable|by-key\/[\w-]+\/(edge|stable)|bundles\/[\w-]+)\.jws$/);
      return ended;
    },
    isUntouched: async () => {
      const { state, versions, quarantine, paused } = await client.status();
      const staged = await readdir(join(host.stateDir, 'versions'));
      return state === 'idle' && [...versions, ...staged, ...quarantine].length === 0 && paused === null;
    },
    reset: async () => {
      host.feed.fault(null);
      for (const channel of ['edge', 'stable']) {
        await rm(join(feedDir, `${channel}.jws`), { force: true });
        await rm(join(host.stateDir, 'heads', `${channel}.jws`), { force: true });
      }
    },
    [Symbol.asyncDispose]: async () => {
      await host[Symbol.asyncDispose]();
      await rm(outside, { recursive: true, force: true });
    },
  };
}
