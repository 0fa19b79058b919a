/** Updates by delta on a real daemon. A delta that lies is among the attacks: `test/attack/delta.test.ts`. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { createDelta } from '../../src/publish/delta.ts';
import { loadSignerFor } from '../../src/publish/signer.ts';
import { readTrustFile } from '../../src/publish/trust-file.ts';
import { noise } from '../fixtures/noise.ts';
import { createHost, type Host } from './support/host.ts';
import { flipByte } from './support/publisher.ts';
import { workloadProgram } from './support/workload-program.ts';

const PADDING = `\n// ${noise(60_000).toString('base64')}\n`;
const program = (version: string): Buffer => Buffer.from(workloadProgram(version, 'healthy') + PADDING);

/** Publishes a release on edge, with deltas from these versions. */
async function publish(host: Host, version: string, ...from: string[]): Promise<void> {
  const signer = await loadSignerFor(inject('built').keys, 'bundle');
  const makeDeltas = from.length === 0 ? undefined : { from, signer };
  await host.publisher.publish({ version, program: program(version) }, { makeDeltas });
}

/** The name of a bundle in the feed, without the product and the platform. */
const asked = (host: Host, since: number): string[] =>
  host.feed.requests
    .slice(since)
    .filter((path) => path.startsWith('/bundles/'))
    .map(
      (path) => /(?<=sidecar-)[\d.]+(?=-)/.exec(path)![0] + (/-from-[\d.]+(?=\.jws)/.exec(path)?.[0] ?? ''),
    );

const untilRuns = async (host: Host, version: string): Promise<void> => {
  await host.until(
    `${version} is current`,
    ({ current, state }) => current.version === version && state === 'idle',
  );
  expect(await host.untilAnswer()).toBe(version);
};

describe('a delta', () => {
  it('is all that is fetched, and what it gave is the base of the next', async () => {
    await using host = await createHost();
    await publish(host, '1.0.1');
    await host.start();
    await untilRuns(host, '1.0.1');
    expect(asked(host, 0)).toEqual(['1.0.1']);

    for (const [from, to] of [
      ['1.0.1', '1.1.0'],
      ['1.1.0', '1.2.0'],
      ['1.2.0', '1.3.0'],
    ] as const) {
      const since = host.feed.requests.length;
      await publish(host, to, 'previous');
      await untilRuns(host, to);
      expect(asked(host, since)).toEqual([`${to}-from-${from}`]);
    }
    expect(await host.history()).toMatchObject(Array.from({ length: 4 }, () => ({ outcome: 'committed' })));
  });

  it('that cannot be used gives way to the full bundle in the same attempt, and the history says why', async () => {
    await using host = await createHost({ config: { update: { check_interval: 3600 } } });
    await publish(host, '1.0.1');
    await host.start();
    await host.until('idle', ({ state, workload }) => state === 'idle' && workload.state === 'running');
    expect(await host.core('sidecar', 'update')).toMatchObject({ code: 0 });

    // The feed does not have it.
    await publish(host, '1.1.0', 'previous');
    const gone = (await host.publisher.publish({ version: '1.1.0', program: program('1.1.0') })).replace(
      /\.jws$/,
      '-from-1.0.1.jws',
    );
    await rm(gone);
    const { stdout } = await host.core('sidecar', 'update', '--dry-run');
    expect(stdout).toMatch(/1\.1\.0 is available on edge, [\d.]+ (bytes|KiB), a delta from 1\.0\.1\n/);
    let since = host.feed.requests.length;
    expect(await host.core('sidecar', 'update')).toMatchObject({ code: 0 });
    expect(asked(host, since)).toEqual(['1.1.0-from-1.0.1', '1.1.0']);
    const [first] = await host.history();
    expect(first).toMatchObject({ outcome: 'committed', to: '1.1.0' });
    expect(first?.reason).toMatch(
      /; the delta from 1\.0\.1 could not be used \(FEED_REFUSED: .*\); took the full bundle$/,
    );

    // Its base is damaged on disk.
    await publish(host, '1.2.0', 'previous');
    await flipByte(join(host.stateDir, 'versions', '1.1.0', 'files', 'coresdk-sidecar'));
    since = host.feed.requests.length;
    expect(await host.core('sidecar', 'update')).toMatchObject({ code: 0 });
    expect(asked(host, since)).toEqual(['1.2.0-from-1.1.0', '1.2.0']);
    expect(await host.answer()).toBe('1.2.0');
    const [second, ...rest] = await host.history();
    expect(rest).toHaveLength(2);
    expect(second?.steps.map(({ state }) => state)).toEqual([
      'checking',
      'downloading',
      'verifying',
      'downloading',
      'verifying',
      'staging',
      'waiting',
      'swapping',
      'probing',
      'committed',
    ]);
    expect(second?.reason).toMatch(
      /; the delta from 1\.1\.0 could not be used \(DELTA_FAILED: .*; its base is damaged: .*\); took the full bundle$/,
    );
    const status = await host.status();
    expect(status?.warnings).toContainEqual(expect.objectContaining({ code: 'VERSION_DAMAGED' }));
    expect(status?.last_error).toBeNull();
  });

  it('from a file needs its base, and says which', async () => {
    await using host = await createHost({ config: { update: { channel: 'manual' } } });
    const { keys } = inject('built');
    const full = (version: string): Promise<string> =>
      host.publisher.bundle({ version, program: program(version), audience: 'airgap' });
    const [first, second, third] = [await full('1.0.1'), await full('1.1.0'), await full('1.2.0')];
    const delta = async (base: string, bundle: string, name: string): Promise<string> => {
      const out = join(host.root, `${name}.jws`);
      const trust = await readTrustFile(join(keys, 'trust.json'));
      await createDelta({ base, bundle, trust, signer: await loadSignerFor(keys, 'airgap'), out });
      return out;
    };
    await host.start();
    await host.until('idle', ({ state, workload }) => state === 'idle' && workload.state === 'running');
    const update = (bundle: string) => host.core('sidecar', 'update', '--bundle', bundle);
    expect(await update(first)).toMatchObject({ code: 0 });

    const wrong = await delta(second, third, 'wrong');
    const refused = await update(wrong);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(
      /^error: expected version 1\.1\.0 \(\w{12}\) on this host, as the base of the delta to 1\.2\.0; found 1\.0\.1 \(\w{12}\) \[DELTA_BASE_MISSING\]: Apply the full bundle/m,
    );
    const looked = await host.core('sidecar', 'update', '--bundle', wrong, '--verify-only');
    expect(looked).toMatchObject({ code: 0 });
    expect(looked.stdout).toMatch(/^signature and manifest verified: .*, a delta from 1\.1\.0$/m);

    const right = await delta(first, second, 'right');
    expect(await update(right)).toMatchObject({ code: 0 });
    expect(await host.answer()).toBe('1.1.0');
    expect(await update(wrong)).toMatchObject({ code: 0 });
    expect(await host.answer()).toBe('1.2.0');
    expect(host.feed.requests).toEqual([]);
  });
});
