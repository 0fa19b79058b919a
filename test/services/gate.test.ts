import { beforeEach, describe, expect, it } from 'vitest';
import { UpdateError } from '../../src/errors.ts';
import { gate } from '../../src/services/gate.ts';
import type { Passed } from '../../src/steps.ts';
import type { Offer, VersionRef } from '../../src/types.ts';
import { refusal } from '../fixtures/refusal.ts';
import { attempt, digestOf, OFFER } from '../machines/values.ts';
import { serve as serveAny, signedHead as anyHead, trustingRig } from './head-fixture.ts';
import { damage, DAY_MS, install, NEVER, NOW, SETTINGS, type Rig } from './rig.ts';

let rig: Rig;
let from: VersionRef;
let to: Extract<VersionRef, { origin: 'store' }>;
beforeEach(async () => {
  rig = await trustingRig();
  from = install(rig, '1.0.0');
  to = install(rig, '1.1.0', null);
  await rig.store.activate(from);
  await serve({ version: '1.1.0' });
});

/** Heads that name what waits. */
const named = () => ({
  targets: [
    {
      os: 'linux',
      arch: 'x64',
      release_digest: to.digest,
      bundles: [{ path: 'bundles/x.jws', size: 10, sha256: digestOf('c') }],
    },
  ],
});
const serve = (change: Parameters<typeof serveAny>[1]): Promise<Buffer> =>
  serveAny(rig, { ...named(), ...change });
const signedHead = (...[change, ...more]: Parameters<typeof anyHead>): Promise<Buffer> =>
  anyHead({ ...named(), ...change }, ...more);

const pass = (offer: Offer = OFFER, signal = NEVER): Promise<Passed> =>
  gate(rig, SETTINGS)(
    { attempt: attempt(), offer, release: { version: to.version, digest: to.digest } },
    signal,
  );
const LOCAL: Offer = { source: { kind: 'file', path: '/x' }, release: null, channel: null };
const quarantineIt = (): Promise<void> =>
  rig.quarantine.add({
    digest: to.digest,
    version: to.version,
    at: NOW,
    attempt: 'a',
    reason: { code: 'PROBE_TIMEOUT', message: 'HTTP 500' },
    evidence: [],
  });

describe('an open gate', () => {
  it('lets the update go on, says what is swapped, and is held', async () => {
    expect(await pass()).toEqual({ go: true, plan: { from, to }, way: 'swap', successor: null });
    expect(rig.gate.plans).toEqual([{ from, to }]);
    expect([...rig.gate.held]).toEqual(['a-1']);
  });

  it('asks no feed about a local bundle', async () => {
    expect(await pass(LOCAL)).toMatchObject({ go: true });
    expect(rig.feed.requests).toEqual([]);
  });

  it.each(['FEED_UNREACHABLE', 'FEED_STALLED', 'FEED_REFUSED'] as const)(
    'warns of %s, and goes on',
    async (code) => {
      rig.feed.fault = new UpdateError(code, 'the feed is away');
      expect(await pass()).toMatchObject({ go: true });
      expect(rig.reporter.warnings()).toEqual([{ code, message: 'the feed is away' }]);
    },
  );

  it('goes no further when it is this host that cannot look', async () => {
    rig.feed.fault = new UpdateError('DISK_FULL', 'no space for the head');
    expect(await refusal(pass())).toBe('DISK_FULL');
  });

  it('goes no further on a head that expired meanwhile, while the feed is away', async () => {
    await rig.heads.write('stable', await signedHead({ version: '1.1.0' }, 'stable', NOW - 7 * DAY_MS));
    rig.feed.fault = new UpdateError('FEED_UNREACHABLE', 'the feed is away');
    await expect(pass()).rejects.toMatchObject({
      code: 'HEAD_EXPIRED',
      message:
        'the accepted head expired at 2026-11-23T00:00:00.000Z, and there is no newer one: the feed is away',
      cause: rig.feed.fault,
    });
    expect(rig.gate.held.size).toBe(0);
  });

  it('warns of a lagging mirror, and goes on', async () => {
    await rig.heads.write('stable', await signedHead({ version: '1.1.0', seq: 5 }));
    expect(await pass()).toMatchObject({ go: true });
    expect(rig.reporter.warnings()).toMatchObject([{ code: 'HEAD_STALE' }]);
  });
});

describe('what changed while the update waited', () => {
  it.each<[string, string, () => Promise<unknown>]>([
    ['a newer release', 'SUPERSEDED', () => serve({ version: '1.2.0', seq: 2 })],
    ['a block', 'VERSION_BLOCKED', () => serve({ version: '1.1.0', seq: 2, blocked: ['1.1.0'] })],
    ['a higher floor', 'VERSION_TOO_LOW', () => serve({ version: '1.1.0', seq: 2, min_version: '1.1.1' })],
    ['a quarantine', 'RELEASE_QUARANTINED', quarantineIt],
    ['a version above it that runs now', 'VERSION_TOO_LOW', () => rig.store.activate(install(rig, '1.3.0'))],
  ])('%s puts it off with %s, and gives the gate back', async (_, code, change) => {
    rig.gate.meanwhile = async () => {
      await change();
    };
    expect(await pass()).toMatchObject({ go: false, error: { code } });
    expect(rig.gate.held.size).toBe(0);
  });

  it('is put off when the head goes back to another release, or names other files of it', async () => {
    await serve({ version: '1.0.5', seq: 2 });
    expect(await pass()).toMatchObject({ go: false, error: { code: 'SUPERSEDED' } });
    await serve({
      version: '1.1.0',
      seq: 3,
      targets: named().targets.map((it) => ({ ...it, release_digest: digestOf('e') })),
    });
    expect(await pass()).toMatchObject({
      go: false,
      error: { code: 'SUPERSEDED', message: 'other files of 1.1.0 appeared on stable while it waited' },
    });
  });

  it('says what superseded it', async () => {
    await serve({ version: '1.2.0' });
    expect(await pass()).toEqual({
      go: false,
      error: { code: 'SUPERSEDED', message: '1.2.0 appeared on stable while 1.1.0 waited' },
    });
  });

  it.each<[string, string, () => unknown]>([
    [
      'a damaged file',
      'VERSION_DAMAGED',
      () => {
        damage(rig, '1.1.0');
      },
    ],
    ['a version that is gone', 'VERSION_NOT_FOUND', () => rig.store.versions.delete('1.1.0')],
    [
      'a head by a wrong key',
      'JWS_KEY_NOT_ALLOWED',
      async () => rig.feed.files.set('stable.jws', await signedHead({}, 'edge')),
    ],
    [
      'two heads with one number',
      'HEAD_EQUIVOCATION',
      async () => rig.heads.write('stable', await signedHead({ version: '1.1.0', jti: 'two' })),
    ],
    [
      'an expired head',
      'HEAD_EXPIRED',
      () => serve({ version: '1.1.0', exp: NOW / 1000, iat: NOW / 1000 - 9, nbf: NOW / 1000 - 9 }),
    ],
  ])('%s ends it with %s, and gives the gate back', async (_, code, change) => {
    rig.gate.meanwhile = async () => {
      await change();
    };
    expect(await refusal(pass())).toBe(code);
    expect(rig.gate.held.size).toBe(0);
  });

  it('looks at the head again: the accepted head is kept for later', async () => {
    const bytes = await serve({ version: '1.1.0', seq: 9 });
    await pass();
    expect(await rig.heads.read('stable')).toEqual(bytes);
  });
});

describe('a closed gate', () => {
  it('puts the update off before anything else is looked at', async () => {
    rig.gate.closed = new UpdateError('GATE_CLOSED', 'outside the window');
    expect(await refusal(pass())).toBe('GATE_CLOSED');
    expect(rig.feed.requests).toEqual([]);
    expect(rig.gate.held.size).toBe(0);
  });

  it('passes on the signal', async () => {
    expect(await refusal(pass(OFFER, AbortSignal.abort()))).toBe('CANCELLED');
  });

  it('is given back when the signal fires behind it', async () => {
    const ended = new AbortController();
    rig.gate.meanwhile = () => {
      ended.abort();
    };
    expect(await refusal(pass(OFFER, ended.signal))).toBe('CANCELLED');
    expect(rig.gate.held.size).toBe(0);
  });
});

describe('while the gate is waited for', () => {
  const HOUR = SETTINGS.checkIntervalMs;
  let open: () => void;
  beforeEach(() => {
    open = rig.gate.wait();
  });
  const isOver = async (waiting: Promise<unknown>): Promise<boolean> => {
    let over = false;
    void waiting.then(
      () => (over = true),
      () => (over = true),
    );
    await rig.clock.advance(0);
    return over;
  };

  it('the head is looked at again at the interval of the checks, and no more often', async () => {
    const waiting = pass();
    await rig.clock.advance(HOUR - 1);
    expect(rig.feed.requests).toHaveLength(0);
    await rig.clock.advance(1);
    expect(rig.feed.requests).toHaveLength(1);
    await rig.clock.advance(3 * HOUR);
    expect(rig.feed.requests).toHaveLength(4);
    open();
    expect(await waiting).toEqual({ go: true, plan: { from, to }, way: 'swap', successor: null });
    expect(rig.clock.sleeping).toBe(0);
  });

  it.each<[string, string, () => Promise<unknown>]>([
    ['a newer release', 'SUPERSEDED', () => serve({ version: '1.2.0', seq: 2 })],
    ['a block', 'VERSION_BLOCKED', () => serve({ version: '1.1.0', seq: 2, blocked: ['1.1.0'] })],
    ['a higher floor', 'VERSION_TOO_LOW', () => serve({ version: '1.1.0', seq: 2, min_version: '1.1.1' })],
    [
      'a rollout that stopped',
      'HELD_BACK',
      () => serve({ version: '1.1.0', seq: 2, rollout: { start: NOW / 1000, percent: 0 } }),
    ],
    ['a quarantine', 'RELEASE_QUARANTINED', quarantineIt],
  ])('%s ends the attempt with %s, though the gate never opens', async (_, code, change) => {
    const waiting = pass();
    await rig.clock.advance(HOUR);
    await change();
    expect(await isOver(waiting)).toBe(false);
    await rig.clock.advance(HOUR);
    expect(await waiting).toMatchObject({ go: false, error: { code } });
    expect(rig.gate.held.size).toBe(0);
    expect(rig.hooks.runs).toEqual([]);
    expect(rig.clock.sleeping).toBe(0);
  });

  it('a feed that is away, or wrong for now, changes nothing but a warning', async () => {
    const waiting = pass();
    rig.feed.fault = new UpdateError('FEED_UNREACHABLE', 'no answer');
    await rig.clock.advance(HOUR);
    rig.feed.fault = null;
    await serve({ aud: 'another-product', seq: 2 });
    await rig.clock.advance(HOUR);
    expect(rig.reporter.warnings().map(({ code }) => code)).toEqual([
      'FEED_UNREACHABLE',
      'HEAD_WRONG_CHANNEL',
    ]);
    expect(await isOver(waiting)).toBe(false);
    await serve({ version: '1.1.0', seq: 3 });
    open();
    expect(await waiting).toMatchObject({ go: true });
  });

  it('but what is wrong with the feed when the gate opens still counts', async () => {
    const waiting = refusal(pass());
    await serve({ aud: 'another-product', seq: 2 });
    await rig.clock.advance(HOUR);
    open();
    expect(await waiting).toBe('HEAD_WRONG_CHANNEL');
    expect(rig.gate.held.size).toBe(0);
  });

  it('no feed is asked about a local bundle', async () => {
    const waiting = pass(LOCAL);
    await rig.clock.advance(5 * HOUR);
    open();
    expect(await waiting).toMatchObject({ go: true });
    expect(rig.feed.requests).toEqual([]);
  });

  it('a crash loop of a fresh commit ends the attempt, of a local bundle too: idle goes back from it', async () => {
    install(rig, '1.0.0', { watched: false });
    const waiting = pass(LOCAL);
    expect(await isOver(waiting)).toBe(false);
    rig.workload.crashLoopNow('3 crashes in a row');
    expect(await waiting).toEqual({
      go: false,
      error: {
        code: 'CRASH_LOOP',
        message: '1.0.0, which is still watched, crashes again and again: 3 crashes in a row',
      },
    });
    expect(rig.gate.held.size).toBe(0);
  });

  it('a crash loop of what is watched no more ends nothing: what waits may be its cure', async () => {
    const waiting = pass();
    rig.workload.crashLoopNow('3 crashes in a row');
    expect(await isOver(waiting)).toBe(false);
    open();
    expect(await waiting).toMatchObject({ go: true });
  });

  it('a stop of the daemon ends it, in the middle of a look too', async () => {
    const left = new AbortController();
    const waiting = refusal(pass(OFFER, left.signal));
    await rig.clock.advance(1);
    left.abort();
    expect(await waiting).toBe('CANCELLED');
    expect(rig.clock.sleeping).toBe(0);

    const inALook = new AbortController();
    const looking = refusal(pass(OFFER, inALook.signal));
    const feed = { ...rig.feed };
    rig.feed.head = (...args) => {
      inALook.abort();
      return feed.head(...args);
    };
    await rig.clock.advance(HOUR);
    expect(await looking).toBe('CANCELLED');
    expect(rig.reporter.warnings()).toEqual([]);
  });
});

describe('the hook before the swap', () => {
  it('is run last, with the facts', async () => {
    rig.hooks.meanwhile = () => {
      // Whatever has a say has had it, and the gate is held.
      expect(rig.feed.requests).toHaveLength(1);
      expect([...rig.gate.held]).toEqual(['a-1']);
    };
    await pass();
    expect(rig.hooks.runs).toEqual([
      {
        hook: 'pre_swap',
        facts: { attempt: attempt(), plan: { from, to }, outcome: null, error: null },
      },
    ]);
  });

  it('is not run for what is damaged or superseded', async () => {
    damage(rig, '1.1.0');
    await refusal(pass());
    await serve({ version: '1.2.0', seq: 2 });
    await pass();
    expect(rig.hooks.runs).toEqual([]);
  });

  it.each(['HOOK_DEFERRED', 'HOOK_FAILED'] as const)(
    'ends the attempt with %s, and the gate is given back',
    async (code) => {
      rig.hooks.faults.set('pre_swap', new UpdateError(code, 'exit code'));
      expect(await refusal(pass())).toBe(code);
      expect(rig.gate.held.size).toBe(0);
    },
  );
});
