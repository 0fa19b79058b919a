import { describe, expect, it } from 'vitest';
import type { Head } from '../../src/bundle/head.ts';
import { blockVersions } from '../../src/publish/block.ts';
import { refreshHead } from '../../src/publish/edit-head.ts';
import { publishToFeed, type PublishOptions } from '../../src/publish/feed.ts';
import { rolloutShare } from '../../src/bundle/rollout.ts';
import type { RolloutWish } from '../../src/publish/rollout-line.ts';
import { setRollout, type RolloutChange } from '../../src/publish/rollout-head.ts';
import { refusal } from '../fixtures/refusal.ts';
import { tempFolder } from '../fixtures/release.ts';
import { bundle, DAY, headOptions, HOUR, NOW, tree } from './support/feed-rig.ts';

async function feed(more: Partial<PublishOptions> = {}): Promise<{ feedDir: string; head: Head }> {
  const feedDir = await tempFolder();
  const options = await headOptions(feedDir, 'edge', NOW);
  const { head } = await publishToFeed({ ...options, bundles: [await bundle('1.1.0')], ...more });
  return { feedDir, head };
}

const edge = (feedDir: string, now = NOW + HOUR) => headOptions(feedDir, 'edge', now);

describe('blockVersions', () => {
  it('adds to the list, also the version that the head names, and is safe to run again', async () => {
    const { feedDir, head: before } = await feed({ blocked: ['1.0.9'] });
    const { head } = await blockVersions({ ...(await edge(feedDir)), versions: ['1.1.0', '1.0.10'] });
    expect(head).toMatchObject({ blocked: ['1.0.9', '1.0.10', '1.1.0'], seq: 2, targets: before.targets });
    const again = await blockVersions({ ...(await edge(feedDir)), versions: ['1.0.9'] });
    expect(again).toMatchObject({ changed: false, head: { seq: 2 } });
    const publish = { ...(await edge(feedDir)), bundles: [await bundle('1.1.0')], refresh: true };
    expect(await refusal(publishToFeed(publish))).toBe('PUBLISH_REFUSED');
    const next = await publishToFeed({ ...publish, bundles: [await bundle('1.2.0')] });
    expect(next.head.blocked).toEqual(['1.0.9', '1.0.10', '1.1.0']);
  });

  it('takes versions off the list', async () => {
    const { feedDir } = await feed({ blocked: ['1.0.9', '1.0.8'] });
    const undo = async (versions: string[]): Promise<Head> =>
      (await blockVersions({ ...(await edge(feedDir)), versions, undo: true })).head;
    expect((await undo(['1.0.9'])).blocked).toEqual(['1.0.8']);
    expect(await undo(['1.0.8'])).not.toHaveProperty('blocked');
  });

  it('refuses what is no version, more than a head may hold, and a channel without a head', async () => {
    const { feedDir } = await feed();
    const before = await tree(feedDir);
    const many = Array.from({ length: 257 }, (_, patch) => `0.0.${String(patch)}`);
    for (const versions of [['1'], many])
      expect(await refusal(blockVersions({ ...(await edge(feedDir)), versions }))).toBe('PUBLISH_REFUSED');
    const stable = await headOptions(feedDir, 'stable', NOW);
    expect(await refusal(blockVersions({ ...stable, versions: ['1.0.0'] }))).toBe('PUBLISH_REFUSED');
    expect(await tree(feedDir)).toEqual(before);
  });
});

describe('setRollout', () => {
  const change = async (feedDir: string, it: RolloutChange, now = NOW + HOUR, shrink?: boolean) =>
    setRollout({ ...(await edge(feedDir, now)), change: it, shrink });
  const set = async (feedDir: string, wish: RolloutWish, now = NOW + HOUR, group?: string) =>
    change(feedDir, { kind: 'line', wish, group }, now);
  /** A feed whose release is offered to nobody yet. */
  const unoffered = async (): Promise<string> => (await feed({ rollout: { percent: 0 } })).feedDir;

  it('starts when the release did, keeps its start when it is changed, and ends', async () => {
    const feedDir = await unoffered();
    const start = NOW / 1000;
    expect((await set(feedDir, { percent: 10 })).head.rollout).toEqual({ start, percent: 10 });
    expect(await set(feedDir, { percent: 10 }, NOW + DAY)).toMatchObject({ changed: false });
    expect((await set(feedDir, { percent: 50 }, NOW + DAY)).head.rollout).toEqual({ start, percent: 50 });
    expect((await set(feedDir, { duration: 60, start: 7 }, NOW + DAY)).head.rollout).toEqual({
      start: 7,
      duration: 60,
    });
    expect((await change(feedDir, { kind: 'all' }, NOW + DAY)).head).not.toHaveProperty('rollout');
    expect(await change(feedDir, { kind: 'all' }, NOW + DAY)).toMatchObject({ changed: false });
  });

  it('never offers it to fewer hosts than now, unless that is meant', async () => {
    const { feedDir } = await feed();
    const before = await tree(feedDir);
    await expect(set(feedDir, { percent: 10 })).rejects.toThrow(
      'expected a share of at least 100 %, which the hosts are offered it by now; found 10 %: say --shrink',
    );
    expect(await tree(feedDir)).toEqual(before);
    const wish = { percent: 10 };
    const shrunk = await change(feedDir, { kind: 'line', wish }, NOW + HOUR, true);
    expect(shrunk.head.rollout).toMatchObject({ percent: 10 });
    await set(feedDir, { duration: 10 * 3600, start: (NOW + HOUR) / 1000 - 3600 });
    // A growing one has a share of its own by then.
    expect(await refusal(set(feedDir, { percent: 54 }, NOW + 5.5 * HOUR))).toBe('PUBLISH_REFUSED');
    expect((await set(feedDir, { percent: 56 }, NOW + 5.5 * HOUR)).head.rollout).toMatchObject({
      percent: 56,
    });
    // Put off to later, those who are offered it would not be any more.
    expect(await refusal(set(feedDir, { percent: 56, start: NOW / 1000 + 86_400 }, NOW + 6 * HOUR))).toBe(
      'PUBLISH_REFUSED',
    );
  });

  it('that is to grow from now on goes on from where it is: nobody comes in by the time that has passed', async () => {
    const feedDir = await unoffered();
    const from = (head: Head, now: number): number => rolloutShare(head.rollout ?? { start: 0 }, now);
    // The usual plan: nobody, a day later over 36 hours.
    const first = await set(feedDir, { duration: 36 * 3600 }, NOW + DAY);
    expect(first.head.rollout).toEqual({ start: (NOW + DAY) / 1000, duration: 36 * 3600 });
    expect(await set(feedDir, { duration: 36 * 3600 }, NOW + 2 * DAY)).toMatchObject({ changed: false });
    // Two thirds of it have passed: faster, slower, and never fewer or suddenly more.
    for (const duration of [3600, 90 * 86_400, 36 * 3600]) {
      const { head } = await set(feedDir, { duration }, NOW + 2 * DAY);
      expect(from(head, NOW + 2 * DAY)).toBeGreaterThanOrEqual(2 / 3);
      expect(from(head, NOW + 2 * DAY)).toBeLessThan(2 / 3 + 0.001);
    }
    const stopped = await change(feedDir, { kind: 'stop' }, NOW + 2 * DAY);
    expect(from(stopped.head, NOW + 2 * DAY)).toBe(0);
    const again = await set(feedDir, { duration: 3600 }, NOW + 3 * DAY);
    expect(again.head.rollout).toEqual({ start: (NOW + 3 * DAY) / 1000, duration: 3600 });
  });

  it('that has a share grows on from it, in a group too that was like all others', async () => {
    const feedDir = await unoffered();
    await set(feedDir, { percent: 25 }, NOW + HOUR);
    const grouped = await set(feedDir, { duration: 4 * 3600 }, NOW + DAY, 'canary');
    expect(grouped.head.rollout?.groups?.['canary']).toEqual({
      start: (NOW + DAY - HOUR) / 1000,
      duration: 4 * 3600,
    });
    const { head } = await set(feedDir, { duration: 8 * 3600 }, NOW + DAY);
    expect(head.rollout).toMatchObject({ start: (NOW + DAY - 2 * HOUR) / 1000, duration: 8 * 3600 });
  });

  it('that has not begun begins when it was to, and one of a group when it is told', async () => {
    const start = NOW / 1000 + 7 * 86_400;
    const { feedDir } = await feed({ rollout: { percent: 100, start } });
    const grouped = await set(feedDir, { duration: 3600 }, NOW + HOUR, 'canary');
    expect(grouped.head.rollout?.groups?.['canary']).toEqual({ start: (NOW + HOUR) / 1000, duration: 3600 });
    expect((await set(feedDir, { duration: 3600 }, NOW + HOUR)).head.rollout).toMatchObject({
      start,
      duration: 3600,
    });
  });

  it('that is for all does not begin anew, unless that is meant', async () => {
    const { feedDir } = await feed();
    expect(await refusal(set(feedDir, { duration: 3600 }))).toBe('PUBLISH_REFUSED');
    const wish = { duration: 3600 };
    const { head } = await change(feedDir, { kind: 'line', wish }, NOW + HOUR, true);
    expect(head.rollout).toEqual({ start: (NOW + HOUR) / 1000, duration: 3600 });
  });

  it('is not taken back by publishing the same release again', async () => {
    const { feedDir } = await feed({ rollout: { percent: 50 } });
    const again = async (rollout: RolloutWish) =>
      publishToFeed({ ...(await edge(feedDir)), bundles: [await bundle('1.1.0')], rollout });
    await expect(again({ percent: 49 })).rejects.toThrow(
      'expected a share of at least 50 %, which the hosts are offered it by now; found 49 %: say `core feed rollout --shrink`',
    );
    expect((await again({ percent: 60 })).head.rollout).toMatchObject({ percent: 60 });
  });

  it('stops for everybody at once, groups too, and goes on from there', async () => {
    const feedDir = await unoffered();
    await set(feedDir, { percent: 10 });
    await set(feedDir, { percent: 100 }, NOW + HOUR, 'canary');
    const stopped = await change(feedDir, { kind: 'stop' }, NOW + DAY);
    expect(stopped.head.rollout).toEqual({ start: NOW / 1000, percent: 0 });
    expect((await set(feedDir, { percent: 10 }, NOW + DAY)).head.rollout).toEqual({
      start: NOW / 1000,
      percent: 10,
    });
    const all = await feed();
    expect((await change(all.feedDir, { kind: 'stop' })).head.rollout).toMatchObject({ percent: 0 });
  });

  it('gives a group a line of its own, which stays when the others’ changes, and can be taken away', async () => {
    const feedDir = await unoffered();
    const [start, later] = [(NOW + HOUR) / 1000, NOW / 1000 + 2 * 86_400];
    await set(feedDir, { percent: 100 }, NOW + HOUR, 'canary');
    await set(feedDir, { duration: 3600, start: later }, NOW + HOUR, 'late');
    const { head } = await set(feedDir, { percent: 5 }, NOW + 2 * HOUR);
    expect(head.rollout).toEqual({
      start: NOW / 1000,
      percent: 5,
      groups: { canary: { start, percent: 100 }, late: { start: later, duration: 3600 } },
    });
    expect(await refusal(change(feedDir, { kind: 'ungroup', group: 'canary' }, NOW + 2 * HOUR))).toBe(
      'PUBLISH_REFUSED',
    );
    const without = await change(feedDir, { kind: 'ungroup', group: 'late' }, NOW + 2 * HOUR);
    expect(Object.keys(without.head.rollout?.groups ?? {})).toEqual(['canary']);
    const last = await change(feedDir, { kind: 'ungroup', group: 'canary' }, NOW + 3 * HOUR, true);
    expect(last.head.rollout).toEqual({ start: NOW / 1000, percent: 5 });
    await expect(change(feedDir, { kind: 'ungroup', group: 'canary' }, NOW + DAY)).rejects.toThrow(
      'found none',
    );
  });

  it('holds a group back while all others are offered it', async () => {
    const { feedDir } = await feed();
    const wish = { percent: 0 };
    const { head } = await change(feedDir, { kind: 'line', group: 'late', wish }, NOW + HOUR, true);
    const start = (NOW + HOUR) / 1000;
    expect(head.rollout).toEqual({ start, percent: 100, groups: { late: { start, percent: 0 } } });
  });

  it.each(['', '-x', '__proto__', 'a b', 'x'.repeat(65)])('refuses a group named %j', async (group) => {
    const feedDir = await unoffered();
    expect(await refusal(set(feedDir, { percent: 10 }, NOW + HOUR, group))).toBe('PUBLISH_REFUSED');
  });

  it.each([{}, { percent: 10, duration: 60 }, { percent: 101 }, { duration: 0 }, { duration: 91 * 86_400 }])(
    'refuses %j',
    async (rollout) => {
      const { feedDir } = await feed();
      expect(await refusal(set(feedDir, rollout))).toBe('PUBLISH_REFUSED');
    },
  );

  it('says what is missing', async () => {
    const { feedDir } = await feed();
    await expect(set(feedDir, {})).rejects.toThrow('expected either a duration or a percentage');
  });

  it('belongs to its release: the next one is for all, unless told', async () => {
    const { feedDir, head } = await feed({ rollout: { duration: 3600 } });
    expect(head.rollout).toEqual({ start: NOW / 1000, duration: 3600 });
    const again = await publishToFeed({
      ...(await edge(feedDir)),
      bundles: [await bundle('1.1.0')],
      rollout: { duration: 3600 },
    });
    expect(again.changed).toBe(false);
    const next = await publishToFeed({ ...(await edge(feedDir)), bundles: [await bundle('1.2.0')] });
    expect(next.head).not.toHaveProperty('rollout');
  });
});

describe('refreshHead', () => {
  it('says the same for longer', async () => {
    const { feedDir, head: before } = await feed({ minVersion: '1.0.0', blocked: ['1.0.1'] });
    const { head, changed } = await refreshHead(await edge(feedDir));
    expect(changed).toBe(true);
    const { iat, nbf, exp, jti, seq, ...same } = head;
    expect(before).toMatchObject(same);
    expect([iat, nbf, exp]).toEqual([NOW + HOUR, NOW + HOUR, NOW + HOUR + 7 * DAY].map((ms) => ms / 1000));
    expect([seq, jti === before.jti]).toEqual([2, false]);
  });
});

describe('steps', () => {
  it('are published with the release, carried over, replaced and dropped', async () => {
    const { feedDir, head } = await feed({ stepBundles: [await bundle('1.0.5'), await bundle('1.0.2')] });
    expect(head.steps?.map(({ version }) => version)).toEqual(['1.0.2', '1.0.5']);
    const publish = async (version: string, more: Partial<PublishOptions> = {}): Promise<Head> =>
      (await publishToFeed({ ...(await edge(feedDir)), bundles: [await bundle(version)], ...more })).head;
    expect((await publish('1.2.0')).steps).toEqual(head.steps);
    expect((await publish('1.2.0', { stepBundles: [await bundle('1.0.5')] })).steps).toHaveLength(1);
    expect(await publish('1.2.0', { steps: [] })).not.toHaveProperty('steps');
  });

  it.each([['1.1.0'], ['1.2.0']])('refuse %s, which is not older than the release', async (step) => {
    expect(await refusal(feed({ stepBundles: [await bundle(step)] }))).toBe('PUBLISH_REFUSED');
  });

  it('refuse two bundles of one version for one platform', async () => {
    const stepBundles = [await bundle('1.0.5'), await bundle('1.0.5')];
    expect(await refusal(feed({ stepBundles }))).toBe('PUBLISH_REFUSED');
  });
});
