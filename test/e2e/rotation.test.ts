import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { build } from '../../scripts/build.ts';
import { importTrustSet, keyIds } from '../../src/bundle/trust-set.ts';
import type { TrustFile } from '../../src/bundle/trust.ts';
import { publishToFeed } from '../../src/publish/feed.ts';
import { generateKeys, type GeneratedKeys } from '../../src/publish/keys.ts';
import { promoteRelease } from '../../src/publish/promote.ts';
import { loadSignerFor, type Signer } from '../../src/publish/signer.ts';
import { createHost, type Host } from './support/host.ts';

const PROGRAM = 'coresdk-sidecar';
const DAY_MS = 24 * 3600 * 1000;

let root: string;
/** Three generations of a publisher's keys, the oldest first. */
let generations: GeneratedKeys[];
/** The program of each generation: it knows its own keys and those of the one before. */
const programs = new Map<string, string>();

const trustOf = (...which: number[]): TrustFile => ({
  schema: 1,
  product: PROGRAM,
  development: true,
  keys: which.flatMap((index) => generations[index]?.trust.keys ?? []),
});

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'coresdk-rotation-'));
  generations = await Promise.all(
    [1, 2, 3].map((index) =>
      generateKeys({
        product: PROGRAM,
        dir: join(root, `keys-${String(index)}`),
        development: true,
        modulusLength: 2048,
      }),
    ),
  );
  const plans: [string, number[]][] = [
    ['1.0.0', [0]],
    ['2.0.0', [0, 1]],
    ['3.0.0', [1, 2]],
    ['3.1.0', [2]],
  ];
  for (const [version, which] of plans) {
    const { program } = await build({
      form: 'script',
      out: join(root, version),
      trust: trustOf(...which),
      version,
      builtFrom: 0,
    });
    programs.set(version, program);
  }
  // Four builds, one after the other.
}, 120_000);
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

/** Publishes 3.1.0 on stable, with the steps that lead there; every key that is still supported signs a head. */
async function publish({ publisher }: Host): Promise<void> {
  const bundle = async (version: string, generation: number): Promise<string> =>
    publisher.bundle({
      version,
      program: await readFile(programs.get(version) ?? ''),
      keys: generations[generation]?.dir ?? '',
    });
  const signers = async (
    purpose: 'head-edge' | 'head-stable',
  ): Promise<{ signer: Signer; olderSigners: Signer[] }> => {
    const [k1, k2, k3] = await Promise.all(generations.map(({ dir }) => loadSignerFor(dir, purpose)));
    return { signer: k3!, olderSigners: [k2!, k1!] };
  };
  const common = { feedDir: publisher.feedDir, trust: importTrustSet(trustOf(0, 1, 2)) };
  await publishToFeed({
    ...common,
    ...(await signers('head-edge')),
    channel: 'edge',
    // Each by a key that the program before knows.
    bundles: [await bundle('3.1.0', 2)],
    stepBundles: [await bundle('2.0.0', 0), await bundle('3.0.0', 1)],
    now: Date.now() - 8 * DAY_MS,
  });
  await promoteRelease({ ...common, ...(await signers('head-stable')) });
}

const kidOf = (generation: number): string =>
  generations[generation]?.trust.keys.find(
    ({ use, audiences }) => use === 'head' && audiences.includes('stable'),
  )?.kid ?? '';

describe('a client that knows only the first of three generations of keys', () => {
  it(
    'reaches the newest release step by step, and knows only the newest keys then',
    { timeout: 90_000 },
    async () => {
      await using host = await createHost({
        config: {
          update: { channel: 'stable', rollback_timeout: 10 },
          workload: {
            binary: undefined,
            command: [
              '/bin/sh',
              '-c',
              'CORESDK_HTTP_ADDR=127.0.0.1:$PORT CORESDK_GRPC_ADDR=none exec "$0" serve',
              '{binary}',
            ],
          },
        },
      });
      await publish(host);
      const start = (program: string): Promise<unknown> =>
        host.start({ argv: [program, '--config', host.configFile] });
      const committed = async (): Promise<string> =>
        join(await realpath(join(host.stateDir, 'current')), 'files', PROGRAM);
      const asked = (): string[] => host.feed.requests.filter((path) => path.endsWith('stable.jws'));

      await start(programs.get('1.0.0') ?? '');
      let reached = '1.0.0';
      for (const [index, version] of ['2.0.0', '3.0.0', '3.1.0'].entries()) {
        const before = asked().length;
        const { updater } = await host.until(
          `${version} is committed, and its watch over`,
          ({ current, version_floor: floor }) => current.version === version && floor?.version === version,
        );
        expect(updater.version).toBe(reached);
        expect(await host.untilAnswer()).toContain(version);
        const known = new Set(asked().slice(before));
        if (index < 2) {
          // The head for its key, and never one by a key that it does not know.
          expect(known).toContain(`/by-key/${kidOf(index)}/stable.jws`);
          await host.until(
            'the old updater asks to be started again',
            ({ last_error: last }) => last?.code === 'UPDATER_TOO_OLD',
          );
        } else expect(known).toEqual(new Set(['/stable.jws']));
        reached = version;
        const program = await committed();
        await host.stop();
        await start(program);
      }
      const {
        updater,
        version_floor: floor,
        current,
        warnings,
      } = await host.until(
        'the newest program runs on the newest release',
        (status) => status.updater.version === '3.1.0' && status.state === 'idle',
      );
      expect(updater.key_ids).toEqual(keyIds(importTrustSet(trustOf(2))));
      expect([current.version, floor?.version]).toEqual(['3.1.0', '3.1.0']);
      expect(warnings.filter(({ code }) => code.startsWith('JWS_'))).toEqual([]);
      const taken = (await host.history())
        .filter(({ outcome }) => outcome === 'committed')
        .map(({ to }) => to);
      expect(taken).toEqual(['3.1.0', '3.0.0', '2.0.0']);
    },
  );
});
