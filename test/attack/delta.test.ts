import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BASE, DELTA_ATTACKS, rightDelta, targetsOf, type Offered } from './cases/delta.ts';
import { archive, craft, sha256 } from './support/craft.ts';
import { json, manifestOf, membersOf, OFFERED, release } from './support/makers.ts';
import { createRig, type Rig } from './support/rig.ts';

let rig: Rig;
let deltas = 0;

/** Puts a delta into the feed, and a head that names it beside a full bundle, which is there or not. */
async function offer(offered: Offered, full: 'there' | 'gone'): Promise<string> {
  deltas += 1;
  const path = `bundles/delta-${String(deltas)}.jws`;
  await rig.place(path, offered.bundle);
  const { bytes } = rig.good;
  // Always larger than the delta: a delta that is not is never looked at.
  const bundle =
    full === 'there'
      ? { path: rig.good.path, size: bytes.length, sha256: sha256(bytes) }
      : { path: 'bundles/gone.jws', size: 1_000_000_000, sha256: sha256(offered.bundle) };
  await rig.place('edge.jws', rig.head({ targets: targetsOf(offered, path, bundle) }));
  return `/${path}`;
}

const reasonOfLast = async (): Promise<string> => (await rig.host.history())[0]?.reason ?? '';

describe('a hostile delta', () => {
  beforeAll(async () => {
    rig = await createRig();
    const { files, digest } = release(BASE);
    const payload = await archive(membersOf(files, json(manifestOf(files, { version: BASE }))));
    const bundle = craft({ key: rig.keys.bundle, typ: 'coresdk-bundle+jws', payload });
    await rig.offer(bundle, digest, { version: BASE });
    expect(await rig.meet('check')).toMatchObject({ outcome: 'committed' });
  });
  beforeEach(() => rig.reset());
  afterAll(() => rig[Symbol.asyncDispose]());

  it.each(DELTA_ATTACKS)('$name: $code', async ({ delta, onHost, code }) => {
    const path = await offer(await delta(rig), 'gone');
    const undo = await onHost?.(rig);
    const since = rig.host.feed.requests.length;
    const { pid } = (await rig.client.status()).workload;
    // There is nothing left to take.
    expect((await rig.meet('check')).error).toMatchObject({ code: 'FEED_REFUSED' });
    await undo?.();
    expect(rig.host.feed.requests.slice(since)).toEqual(['/edge.jws', path, '/bundles/gone.jws']);
    expect(await reasonOfLast()).toContain(`the delta from ${BASE} could not be used (${code}: `);
    const { current, workload, quarantine } = await rig.client.status();
    expect({ version: current.version, pid: workload.pid, quarantine }).toEqual({
      version: BASE,
      pid,
      quarantine: [],
    });
    expect(await readdir(join(rig.host.stateDir, 'versions'))).toEqual([BASE]);
    const left = await readdir(join(rig.host.stateDir, 'downloads'));
    expect(left.filter((name) => !name.endsWith('.jws'))).toEqual([]);
  });

  it('gives way to the full bundle in the same attempt', async () => {
    const lie = DELTA_ATTACKS.find(({ name }) => name === 'a patch that gives other bytes')!;
    const path = await offer(await lie.delta(rig), 'there');
    const since = rig.host.feed.requests.length;
    expect(await rig.meet('check')).toMatchObject({ outcome: 'committed' });
    expect(rig.host.feed.requests.slice(since, since + 3)).toEqual(['/edge.jws', path, `/${rig.good.path}`]);
    expect(await reasonOfLast()).toMatch(
      /the delta from 8\.0\.0 could not be used \(DELTA_FAILED: .*\); took the full bundle$/,
    );
    expect(await rig.host.untilAnswer()).toBe(OFFERED);
  });
});

it('a right delta, made in the same way, is taken', async () => {
  await using honest = await createRig();
  const attacked = rig;
  rig = honest;
  try {
    const { files, digest } = release(BASE);
    const payload = await archive(membersOf(files, json(manifestOf(files, { version: BASE }))));
    const bundle = craft({ key: rig.keys.bundle, typ: 'coresdk-bundle+jws', payload });
    await rig.offer(bundle, digest, { version: BASE });
    expect(await rig.meet('check')).toMatchObject({ outcome: 'committed' });
    const path = await offer(await rightDelta(rig), 'gone');
    expect(await rig.meet('check')).toMatchObject({ outcome: 'committed' });
    expect(rig.host.feed.requests).toContain(path);
    expect(rig.host.feed.requests).not.toContain('/bundles/gone.jws');
    const made = await readFile(join(rig.host.stateDir, 'versions', OFFERED, 'files', 'coresdk-sidecar'));
    expect(sha256(made)).toBe(release(OFFERED).files[0]!.entry.sha256);
  } finally {
    rig = attacked;
  }
});
