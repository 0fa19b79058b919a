/** Deltas in a feed: given to `publish` and `promote`, made by them, and judged by `verify`. */
import { cp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { HeadTarget } from '../../src/bundle/head.ts';
import { createDelta } from '../../src/publish/delta.ts';
import { publishToFeed, type PublishedRelease, type PublishOptions } from '../../src/publish/feed.ts';
import type { DeltaWish } from '../../src/publish/feed-deltas.ts';
import { promoteRelease, type Promoted, type PromoteOptions } from '../../src/publish/promote.ts';
import { loadSignerFor } from '../../src/publish/signer.ts';
import { verifyFeed } from '../../src/publish/verify-feed.ts';
import { PRODUCT, testKeys } from '../fixtures/keys.ts';
import { noise } from '../fixtures/noise.ts';
import { refusal } from '../fixtures/refusal.ts';
import { makeRelease, tempFolder } from '../fixtures/release.ts';
import { ARM, DAY, flipByte, headOptions, LINUX, NOW, tree } from './support/feed-rig.ts';

const PROGRAM = noise(60_000);

/** A release whose program differs from others in a few bytes, or (`other`) in all of them. */
async function full(
  version: string,
  platform: typeof LINUX | typeof ARM = LINUX,
  other = false,
): Promise<string> {
  const bytes = Buffer.from(other ? PROGRAM.toReversed() : PROGRAM);
  bytes.write(`version ${version}`, 30_000);
  const files = [{ path: 'bin/sidecar', source: bytes, mode: 0o755 as const }];
  return (await makeRelease({ version, platform, createdAt: NOW, files })).path;
}

async function delta(base: string, bundle: string): Promise<string> {
  const { dir, trust } = await testKeys();
  const out = join(await tempFolder(), 'delta.jws');
  await createDelta({ base, bundle, trust, signer: await loadSignerFor(dir, 'bundle'), out });
  return out;
}

const bundles: Record<'old' | 'middle' | 'next' | 'arm' | 'fromOld' | 'fromMiddle', string> = {
  old: '',
  middle: '',
  next: '',
  arm: '',
  fromOld: '',
  fromMiddle: '',
};
let wish: (...from: string[]) => DeltaWish;

beforeAll(async () => {
  bundles.old = await full('1.0.0');
  bundles.middle = await full('1.1.0');
  bundles.next = await full('1.2.0');
  bundles.arm = await full('1.2.0', ARM);
  bundles.fromOld = await delta(bundles.old, bundles.next);
  bundles.fromMiddle = await delta(bundles.middle, bundles.next);
  const signer = await loadSignerFor((await testKeys()).dir, 'bundle');
  wish = (...from) => ({ from, signer });
});

async function publish(
  feedDir: string,
  paths: readonly string[],
  more: Partial<PublishOptions> = {},
): Promise<PublishedRelease> {
  return publishToFeed({ ...(await headOptions(feedDir, 'edge', NOW)), bundles: paths, ...more });
}

async function promote(feedDir: string, now: number, more: Partial<PromoteOptions> = {}): Promise<Promoted> {
  return promoteRelease({ ...(await headOptions(feedDir, 'stable', now)), ...more });
}

/** A feed with 1.0.0 and 1.1.0. */
async function feedWithPast(): Promise<string> {
  const feedDir = await tempFolder();
  await publish(feedDir, [bundles.old]);
  await publish(feedDir, [bundles.middle]);
  return feedDir;
}

const look = async (feedDir: string, now = NOW) => {
  const report = await verifyFeed({ feedDir, trust: (await testKeys()).trust, now });
  const notOk = report.findings.filter(({ level }) => level !== 'ok');
  return { ...report, notOk };
};

const NEXT = `bundles/${PRODUCT}-1.2.0-linux-x64`;
const namesOf = ({ bundles: named }: HeadTarget) => named.map(({ path, base }) => [path, base !== undefined]);

describe('publishToFeed with deltas', () => {
  it('names them beside the full bundle, which comes first, whatever their order', async () => {
    const feedDir = await feedWithPast();
    const { head } = await publish(feedDir, [bundles.fromMiddle, bundles.next, bundles.fromOld]);
    const [target] = head.targets;
    expect(namesOf(target!)[0]).toEqual([`${NEXT}.jws`, false]);
    expect(namesOf(target!).slice(1).sort()).toEqual([
      [`${NEXT}-from-1.0.0.jws`, true],
      [`${NEXT}-from-1.1.0.jws`, true],
    ]);
    expect(await readFile(join(feedDir, `${NEXT}-from-1.0.0.jws`))).toEqual(await readFile(bundles.fromOld));
    expect((await look(feedDir)).notOk).toEqual([]);
  });

  it('adds them to a release that is published, changes nothing when it is run again, and forgets none', async () => {
    const feedDir = await feedWithPast();
    await publish(feedDir, [bundles.next]);
    const added = await publish(feedDir, [bundles.fromOld]);
    expect(added).toMatchObject({ changed: true, head: { seq: 4, version: '1.2.0' } });
    const before = await tree(feedDir);
    for (const again of [[bundles.fromOld], [bundles.next], [bundles.fromOld, bundles.next]])
      expect(await publish(feedDir, again)).toMatchObject({ changed: false });
    expect(await tree(feedDir)).toEqual(before);
    const { head } = await publish(feedDir, [bundles.arm, bundles.fromMiddle]);
    expect(head.targets.map(({ bundles: named }) => named.length)).toEqual([1, 3]);
  });

  it('makes them when that is asked for, each for the platforms that both releases have', async () => {
    const feedDir = await feedWithPast();
    const made = await publish(feedDir, [bundles.next, bundles.arm], {
      makeDeltas: wish('previous', '1.0.0'),
    });
    expect(made.deltas).toMatchObject([
      { from: '1.1.0', platform: 'linux-x64', path: `${NEXT}-from-1.1.0.jws`, outcome: 'made' },
      { from: '1.0.0', platform: 'linux-x64', outcome: 'made' },
    ]);
    expect(made.head.targets.map(({ bundles: named }) => named.length)).toEqual([1, 3]);
    expect((await look(feedDir)).notOk).toEqual([]);
    const again = await publish(feedDir, [bundles.next], { makeDeltas: wish('previous', '1.0.0') });
    expect(again).toMatchObject({ changed: false, deltas: [{ from: '1.0.0', outcome: 'there' }] });
  });

  it('names none that would save nothing', async () => {
    const feedDir = await feedWithPast();
    const other = await full('1.3.0', LINUX, true);
    const made = await publish(feedDir, [other], { makeDeltas: wish('1.1.0') });
    // The signature and the manifest are a little longer than those of the full bundle.
    expect(made.deltas).toMatchObject([{ outcome: 'useless' }]);
    expect(made.head.targets[0]?.bundles).toHaveLength(1);
    expect(await readdir(join(feedDir, 'bundles'))).toHaveLength(3);
    expect((await look(feedDir)).notOk).toEqual([]);
  });

  it.each<[string, string, () => Promise<readonly string[]>]>([
    ['without the full bundle', 'beside the delta to 1.2.0', () => Promise.resolve([bundles.fromOld])],
    [
      'twice from one base',
      'found two for linux-x64 from 1.0.0',
      () => Promise.resolve([bundles.next, bundles.fromOld, bundles.fromOld]),
    ],
    [
      'to another release of the version',
      'to lead to release digest',
      async () => [await full('1.2.0', LINUX, true), bundles.fromOld],
    ],
    [
      'of another version',
      'expected bundles of one version',
      async () => [bundles.next, await delta(bundles.old, bundles.middle)],
    ],
    [
      'whose base is not in the feed',
      'the full bundle of 1.0.5',
      async () => [bundles.next, await delta(await full('1.0.5'), bundles.next)],
    ],
    [
      'whose base is another release than the one in the feed',
      'the full bundle of 1.0.0',
      async () => [bundles.next, await delta(await full('1.0.0', LINUX, true), bundles.next)],
    ],
  ])('refuses a delta %s', async (_, says, paths) => {
    const feedDir = await feedWithPast();
    const before = await tree(feedDir);
    const refused = publish(feedDir, await paths());
    await expect(refused).rejects.toMatchObject({ code: 'PUBLISH_REFUSED' });
    await expect(refused).rejects.toThrow(says);
    expect(await tree(feedDir)).toEqual(before);
  });

  it('refuses to make one from a version that is not in the feed', async () => {
    const feedDir = await feedWithPast();
    expect(await refusal(publish(feedDir, [bundles.next], { makeDeltas: wish('0.9.0') }))).toBe(
      'PUBLISH_REFUSED',
    );
  });
});

describe('promoteRelease with deltas', () => {
  /** Stable is at 1.0.0, edge was at 1.1.0 and is at 1.2.0 with a delta from there. */
  async function fleet(): Promise<string> {
    const feedDir = await tempFolder();
    await publish(feedDir, [bundles.old]);
    await promote(feedDir, NOW + 7 * DAY);
    await publish(feedDir, [bundles.middle], { now: NOW + 7 * DAY });
    await publish(feedDir, [bundles.next, bundles.fromMiddle], { now: NOW + 8 * DAY });
    return feedDir;
  }

  it('makes one from what stable named before, beside those of edge; the bake is still by release digest', async () => {
    const feedDir = await fleet();
    const now = NOW + 15 * DAY;
    const promoted = await promote(feedDir, now, { makeDeltas: wish('previous') });
    expect(promoted.deltas).toMatchObject([{ from: '1.0.0', outcome: 'made' }]);
    expect(promoted.head.targets[0]?.bundles).toHaveLength(3);
    expect((await look(feedDir, now)).notOk.filter(({ level }) => level === 'fault')).toEqual([
      expect.objectContaining({ path: expect.stringContaining('edge.jws'), code: 'HEAD_EXPIRED' }),
      expect.objectContaining({ code: 'HEAD_EXPIRED' }),
    ]);
    // Again, also without the wish: nothing is lost.
    for (const makeDeltas of [wish('previous'), undefined])
      expect(await promote(feedDir, now + 1000, { makeDeltas })).toMatchObject({ changed: false });
  });

  it('names those that it is given', async () => {
    const feedDir = await fleet();
    const promoted = await promote(feedDir, NOW + 15 * DAY, { deltas: [bundles.fromOld] });
    expect(promoted.head.targets[0]?.bundles).toHaveLength(3);
  });

  it('refuses a full bundle among them, and a delta to another version', async () => {
    const feedDir = await fleet();
    const given = async (path: string) => refusal(promote(feedDir, NOW + 15 * DAY, { deltas: [path] }));
    expect(await given(bundles.next)).toBe('PUBLISH_REFUSED');
    expect(await given(await delta(bundles.old, bundles.middle))).toBe('PUBLISH_REFUSED');
  });

  it('makes none before the bake is over', async () => {
    const feedDir = await fleet();
    const before = await tree(feedDir);
    const early = promote(feedDir, NOW + 14 * DAY, { makeDeltas: wish('previous') });
    expect(await refusal(early)).toBe('PUBLISH_REFUSED');
    expect(await tree(feedDir)).toEqual(before);
  });
});

describe('verifyFeed of deltas', () => {
  let sound: string;
  beforeAll(async () => {
    sound = await feedWithPast();
    await publish(sound, [bundles.next, bundles.fromOld, bundles.fromMiddle]);
  });
  const copy = async (): Promise<string> => {
    const feedDir = join(await tempFolder(), 'feed');
    await cp(sound, feedDir, { recursive: true });
    return feedDir;
  };
  const FROM_OLD = `${NEXT}-from-1.0.0.jws`;
  const FROM_MIDDLE = `${NEXT}-from-1.1.0.jws`;

  it.each<[string, string, (feedDir: string) => Promise<unknown>]>([
    ['that was changed', 'BUNDLE_NOT_NAMED', (dir) => flipByte(join(dir, FROM_OLD))],
    [
      'that was swapped with another',
      'BUNDLE_NOT_NAMED',
      (dir) => cp(join(dir, FROM_MIDDLE), join(dir, FROM_OLD)),
    ],
    ['that is missing', 'BUNDLE_NOT_FOUND', (dir) => rm(join(dir, FROM_OLD))],
    [
      'of which the full bundle stands in its place',
      'BUNDLE_NOT_NAMED',
      (dir) => cp(join(dir, `${NEXT}.jws`), join(dir, FROM_OLD)),
    ],
  ])('finds a delta %s: %s', async (_, code, damage) => {
    const feedDir = await copy();
    await damage(feedDir);
    expect((await look(feedDir)).notOk).toMatchObject([{ path: FROM_OLD, level: 'fault', code }]);
  });

  it('says that a delta was not tried where its base is not there, and finds no fault', async () => {
    const feedDir = await copy();
    await rm(join(feedDir, 'bundles', `${PRODUCT}-1.0.0-linux-x64.jws`));
    const { ok, notOk } = await look(feedDir);
    expect(ok).toBe(true);
    expect(notOk).toMatchObject([
      { path: FROM_OLD, level: 'warning', message: expect.stringContaining('it was not tried') },
    ]);
  });

  it('looks at those that no head names any more', async () => {
    const feedDir = await copy();
    const last = await full('1.4.0');
    await publish(feedDir, [last]);
    const { notOk, findings } = await look(feedDir);
    expect(notOk).toEqual([]);
    expect(findings.find(({ path }) => path === FROM_OLD)?.message).toBe(
      '1.2.0, not named by a head any more',
    );
    await cp(join(feedDir, FROM_MIDDLE), join(feedDir, FROM_OLD));
    expect((await look(feedDir)).notOk).toMatchObject([{ path: FROM_OLD, code: 'BUNDLE_NOT_NAMED' }]);
  });
});
