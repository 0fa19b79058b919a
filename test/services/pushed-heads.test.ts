import { beforeEach, describe, expect, it } from 'vitest';
import { check } from '../../src/services/check.ts';
import { createPushedHeads, type PushedHeads } from '../../src/services/pushed-heads.ts';
import { attempt } from '../machines/values.ts';
import { install, NEVER, NOW, SETTINGS, type Rig } from './rig.ts';
import { serve, signedHead, trustingRig } from './head-fixture.ts';

let rig: Rig;
let pushed: PushedHeads;
beforeEach(async () => {
  rig = await trustingRig();
  await rig.store.activate(install(rig, '1.0.0'));
  pushed = createPushedHeads(rig, 'stable');
});
const look = () => check({ ...rig, feed: pushed.before(rig.feed) }, SETTINGS)({ attempt: attempt() }, NEVER);
const hinted = async (): Promise<boolean> => {
  const over = new AbortController();
  const hint = pushed.nudges.next(over.signal).then(
    () => true,
    () => false,
  );
  over.abort();
  return hint;
};

describe('a head that is pushed', () => {
  it('is worth a check, which asks the feed for nothing where it is not this host’s turn', async () => {
    const rollout = { start: NOW / 1000 + 3600, duration: 3600 };
    await pushed.take(await signedHead({ version: '1.1.0', rollout }));
    expect(await pushed.nudges.next(NEVER)).toBe('1.1.0 was announced on stable');
    expect(await look()).toMatchObject({ found: 'nothing', error: { code: 'HELD_BACK' } });
    expect(rig.feed.requests).toEqual([]);
    expect(await hinted()).toBe(false);
  });

  it('is heard of by whoever waits already', async () => {
    const next = pushed.nudges.next(NEVER);
    await pushed.take(await signedHead({ version: '1.1.0' }));
    expect(await next).toBe('1.1.0 was announced on stable');
  });

  it('is offered once: then the feed is asked as ever', async () => {
    await serve(rig, { version: '1.0.0', seq: 9 });
    await pushed.take(await signedHead({ version: '1.1.0' }));
    await look();
    expect(await look()).toMatchObject({ found: 'nothing' });
    expect(rig.feed.requests).toHaveLength(1);
  });

  it('hides nothing of the feed behind it: how its mirrors are doing is told as ever', () => {
    expect(pushed.before(rig.feed).mirrors?.()).toBeUndefined();
    const health = [{ url: 'https://a.example/', failures: 1, putBackUntil: NOW, fault: null }];
    expect(pushed.before({ ...rig.feed, mirrors: () => health }).mirrors?.()).toEqual(health);
  });

  it.each([
    ['that nobody signed', () => Promise.resolve(Buffer.from('a.b.c')), 1],
    ['of another channel', () => signedHead({ version: '1.1.0' }, 'edge'), 1],
    ['that has expired', () => signedHead({ version: '1.1.0', exp: NOW / 1000 - 1 }), 1],
    ['that is not newer than the one that was accepted', () => signedHead({ version: '1.1.0', seq: 4 }), 0],
  ])('%s sets nothing off', async (_, bytes, warnings) => {
    await rig.heads.write('stable', await signedHead({ version: '1.0.0', seq: 5 }));
    await pushed.take(await bytes());
    expect(await hinted()).toBe(false);
    expect(rig.reporter.warnings()).toHaveLength(warnings);
  });

  it('counts no more once the feed has brought a newer one', async () => {
    await pushed.take(await signedHead({ version: '1.1.0', seq: 5 }));
    await rig.heads.write('stable', await signedHead({ version: '1.2.0', seq: 6 }));
    await serve(rig, { version: '1.2.0', seq: 6 });
    await look();
    expect(rig.feed.requests).toHaveLength(1);
  });
});
