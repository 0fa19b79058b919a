import { beforeAll, describe, expect, it } from 'vitest';
import type { TrustSet } from '../../src/bundle/trust.ts';
import { UpdateError } from '../../src/errors.ts';
import { schedule } from '../../src/services/schedule.ts';
import type { Ports } from '../../src/services/ports.ts';
import type { Steps } from '../../src/steps.ts';
import type { Attempt } from '../../src/types.ts';
import { refusal } from '../fixtures/refusal.ts';
import { testKeys } from '../fixtures/keys.ts';
import { attempt, ended, RECORD, WATCH } from '../machines/values.ts';
import { signedHead } from './head-fixture.ts';
import { createRig, install, NEVER, NOW, SETTINGS, type Rig } from './rig.ts';

type Input = Steps['schedule']['input'];
const NOTHING: Input = { ended: null, paused: null, watch: null };
const HOUR = SETTINGS.checkIntervalMs;

let trust: TrustSet;
beforeAll(async () => {
  ({ trust } = await testKeys());
});
const rigWith = (...random: number[]): Rig => createRig({ host: { trust }, random });
const run = (
  ports: Ports,
  input: Partial<Input> = {},
  settings: Partial<typeof SETTINGS> = {},
  signal = NEVER,
): Promise<Attempt> => schedule(ports, { ...SETTINGS, ...settings })({ ...NOTHING, ...input }, signal);

/** When the attempt comes, ms from now. */
async function due(
  rig: Rig,
  input: Partial<Input> = {},
  settings: Partial<typeof SETTINGS> = {},
  why = 'every 3600 s',
): Promise<number> {
  let at = -1;
  const waiting = run(rig, input, settings).then((next) => {
    at = rig.clock.now() - NOW;
    return next;
  });
  await rig.clock.advance(2 * HOUR);
  expect(await waiting).toEqual({ id: 'id-1', trigger: 'schedule', mode: 'apply' });
  expect(rig.reporter.of('nextCheck')).toEqual([{ kind: 'nextCheck', at: NOW + at, why }]);
  return at;
}

it('gives back whatever an attempt that ended may still hold of the gate', async () => {
  const rig = rigWith(0.5);
  let settled = 0;
  rig.gate.settle = () => {
    settled += 1;
    return Promise.resolve();
  };
  await due(rig, { ended: ended() });
  expect(settled).toBe(1);
});

describe('the next check', () => {
  it.each([
    [0, 0],
    [0.25, 0.25 * HOUR],
    [0.75, 0.75 * HOUR],
  ])(
    'comes anywhere in the interval after a start, so that a fleet that boots at once is spread (%f → %i ms)',
    async (random, ms) => {
      const rig = rigWith(random);
      await rig.heads.write('stable', await signedHead({ version: '0.9.0' }));
      expect(await due(rig)).toBe(ms);
    },
  );

  it.each([
    [0, 0],
    [0.25, 0.25 * HOUR],
    [0.75, 0.75 * HOUR],
  ])(
    'comes anywhere in the interval after the first start ever, so that a fleet that is installed at once is spread (%f → %i ms)',
    async (random, ms) => {
      expect(await due(rigWith(random))).toBe(ms);
    },
  );

  it('comes within the interval of the start where that is shorter', async () => {
    expect(await due(rigWith(0.5), {}, { checkIntervalMs: 10_000 }, 'every 10 s')).toBe(5_000);
  });

  it.each([
    [0, 0.9 * HOUR],
    [0.5, HOUR],
    [0.75, 1.05 * HOUR],
  ])('comes about an interval after an attempt (%f → %f ms)', async (random, ms) => {
    expect(await due(rigWith(random), { ended: ended() })).toBeCloseTo(ms, 3);
  });

  it('comes exactly at the interval without jitter', async () => {
    expect(await due(rigWith(0.9), { ended: ended() }, { jitter: 0 })).toBe(HOUR);
  });

  it.each([
    [0, 0],
    [0.5, 1_000],
    [0.9, 1_800],
  ])('comes at once after a release that was superseded (%f → %i ms)', async (random, ms) => {
    const error = { code: 'SUPERSEDED', message: '1.2.0 appeared on stable while 1.1.0 waited' } as const;
    const why = 'a newer release appeared: 1.2.0 appeared on stable while 1.1.0 waited';
    expect(await due(rigWith(random), { ended: ended({ outcome: 'deferred', error }) }, {}, why)).toBe(ms);
  });

  it('comes at once only for that: what was held back waits for the interval', async () => {
    const error = { code: 'HELD_BACK', message: 'not yet' } as const;
    expect(await due(rigWith(0.5), { ended: ended({ outcome: 'deferred', error }) })).toBe(HOUR);
  });

  it('ends with the signal', async () => {
    const rig = rigWith(0.5);
    const left = new AbortController();
    const waiting = refusal(run(rig, {}, {}, left.signal));
    await rig.clock.advance(1_000);
    left.abort();
    expect(await waiting).toBe('CANCELLED');
    expect(rig.clock.sleeping).toBe(0);
  });
});

describe('after a start', () => {
  const start = async (rig: Rig, settings: Partial<typeof SETTINGS> = {}): Promise<unknown> => {
    const left = new AbortController();
    const waiting = refusal(run(rig, {}, settings, left.signal));
    await rig.clock.advance(0);
    left.abort();
    await waiting;
    return rig.reporter.of('heldBack').at(-1)?.held;
  };
  const held = async (
    change: Record<string, unknown>,
    settings: Partial<typeof SETTINGS> = {},
  ): Promise<unknown> => {
    const rig = rigWith(0.5);
    await rig.store.activate(install(rig, '1.0.0'));
    await rig.heads.write('stable', await signedHead({ version: '1.1.0', ...change }));
    return start(rig, settings);
  };
  const rollout = { start: NOW / 1000 + 60, percent: 100 };

  it('it is told at once when this host’s turn comes, by the head that was accepted last', async () => {
    expect(await held({ rollout })).toMatchObject({ version: '1.1.0', until: NOW + 60_000 });
    expect(await held({ rollout: { start: 0, percent: 0 } })).toMatchObject({ until: null });
  });

  it.each<[string, Record<string, unknown>, Partial<typeof SETTINGS>]>([
    ['no rollout', {}, {}],
    ['its turn has come', { rollout: { start: 0, percent: 100 } }, {}],
    ['it runs already', { version: '1.0.0', rollout }, {}],
    ['the head has expired', { rollout, iat: NOW / 1000 - 7200, exp: NOW / 1000 - 3600 }, {}],
    [
      'no bundle is for this platform',
      {
        rollout,
        targets: [
          {
            os: 'plan9',
            arch: 'x64',
            release_digest: 'a'.repeat(64),
            bundles: [{ path: 'x', size: 1, sha256: 'a'.repeat(64) }],
          },
        ],
      },
      {},
    ],
    ['it is on manual', { rollout }, { channel: 'manual' }],
    ['updates are switched off', { rollout }, { disabled: 'off' }],
    [
      'an override counts',
      { rollout, security: { reason: 'CVE', at: NOW / 1000 } },
      { allowSecurityOverride: true },
    ],
  ])('nothing is told where %s', async (_, change, settings) => {
    expect(await held(change, settings)).toBeUndefined();
  });

  it('and a head that cannot be read keeps no check from its time', async () => {
    const rig = rigWith(0.5);
    rig.heads.read = () => Promise.reject(new UpdateError('STATE_DIR_UNUSABLE', 'broken'));
    expect(await start(rig)).toBeUndefined();
    expect(rig.reporter.warnings()).toEqual([{ code: 'STATE_DIR_UNUSABLE', message: 'broken' }]);
    expect(rig.reporter.of('nextCheck')).toHaveLength(1);
  });
});

describe('no check by itself', () => {
  it.each<[string, string, (rig: Rig) => Ports, Partial<Input>, Partial<typeof SETTINGS>]>([
    [
      'when switched off',
      'CORESDK_UPDATE_DISABLED is set',
      (rig) => rig,
      {},
      { disabled: 'CORESDK_UPDATE_DISABLED is set' },
    ],
    ['on manual', 'the manual channel never checks by itself', (rig) => rig, {}, { channel: 'manual' }],
    [
      'without keys',
      'this program was built without public keys',
      (rig) => ({ ...rig, host: { ...rig.host, trust: { ...trust, keys: new Map() } } }),
      {},
      {},
    ],
    ['without a feed', 'no feed is configured (update.feed_url)', (rig) => ({ ...rig, feed: null }), {}, {}],
    [
      'while paused, though a release was superseded',
      `automatic updates are paused: ${RECORD.message}`,
      (rig) => rig,
      { paused: RECORD, ended: ended({ error: { code: 'SUPERSEDED', message: 'newer' } }) },
      {},
    ],
    ['while paused', `automatic updates are paused: ${RECORD.message}`, (rig) => rig, { paused: RECORD }, {}],
    [
      'while a commit is watched',
      '1.1.0 is still watched; the next check is set after that',
      (rig) => rig,
      { watch: WATCH },
      {},
    ],
  ])('%s, and it says why', async (_, why, change, input, settings) => {
    const rig = rigWith(0.5);
    const left = new AbortController();
    const waiting = refusal(run(change(rig), input, settings, left.signal));
    await rig.clock.advance(30 * 24 * HOUR);
    expect(rig.reporter.reports).toEqual([{ kind: 'nextCheck', at: null, why }]);
    left.abort();
    expect(await waiting).toBe('CANCELLED');
  });
});

describe('the attempt that ended', () => {
  const closing = async (rig: Rig, input: Partial<Input>): Promise<void> => {
    const left = new AbortController();
    const waiting = refusal(run(rig, input, {}, left.signal));
    await rig.clock.advance(0);
    left.abort();
    await waiting;
  };

  it('is closed in the journal', async () => {
    const rig = rigWith(0.5);
    await rig.journal.enter(attempt(), 'downloading', {});
    await closing(rig, { ended: ended() });
    expect(await rig.journal.inFlight()).toBeNull();
    expect(await rig.journal.history(1)).toMatchObject([{ id: 'a-1', outcome: 'interrupted', endedAt: NOW }]);
  });

  it('is closed though no check is due', async () => {
    const rig = rigWith(0.5);
    await rig.journal.enter(attempt(), 'downloading', {});
    await closing(rig, { ended: ended(), paused: RECORD });
    expect(await rig.journal.inFlight()).toBeNull();
  });

  it('stays open while its quarantine is owed, so that the next start tries that again', async () => {
    const rig = rigWith(0.5);
    await rig.journal.enter(attempt(), 'rolledBack', {});
    await closing(rig, {
      ended: ended({ outcome: 'rolledBack' }),
      paused: { code: 'QUARANTINE_FAILED', message: 'full' },
    });
    expect(await rig.journal.inFlight()).toMatchObject({ state: 'rolledBack' });
  });

  it('is no reason to stop when it cannot be closed', async () => {
    const rig = rigWith(0.5);
    rig.journal.close = () => Promise.reject(new UpdateError('JOURNAL_WRITE_FAILED', 'read-only'));
    await closing(rig, { ended: ended() });
    expect(rig.reporter.warnings()).toEqual([{ code: 'JOURNAL_WRITE_FAILED', message: 'read-only' }]);
    expect(rig.reporter.of('nextCheck')).toHaveLength(1);
  });
});

describe('a hint', () => {
  const HINT = '1.1.0 was announced on stable';
  const hinting = (rig: Rig, after: number): Ports => ({
    ...rig,
    nudges: {
      next: async (signal) => {
        await rig.clock.sleep(after, signal);
        return HINT;
      },
    },
  });

  it('brings the next check, but not for all hosts at once', async () => {
    const rig = rigWith(0.5, 0.25);
    const waiting = run(hinting(rig, 60_000), { ended: ended({ outcome: 'committed' }) });
    await rig.clock.advance(60_000);
    expect(rig.reporter.of('nextCheck').at(-1)).toEqual({ kind: 'nextCheck', at: NOW + 90_000, why: HINT });
    await rig.clock.advance(30_000);
    expect(await waiting).toMatchObject({ trigger: 'schedule' });
  });

  it('never makes a check later than it was due', async () => {
    const rig = rigWith(0.5, 0.99);
    const waiting = run(hinting(rig, HOUR - 1_000), { ended: ended({ outcome: 'committed' }) });
    await rig.clock.advance(HOUR);
    expect(await waiting).toMatchObject({ trigger: 'schedule' });
    expect(rig.clock.now() - NOW).toBe(HOUR);
  });

  it('wakes nobody whose updates are paused', async () => {
    const rig = rigWith(0.5);
    const over = new AbortController();
    const waiting = refusal(run(hinting(rig, 1_000), { paused: RECORD }, {}, over.signal));
    await rig.clock.advance(HOUR);
    over.abort();
    expect(await waiting).toBe('CANCELLED');
  });
});
