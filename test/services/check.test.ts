import { beforeEach, describe, expect, it } from 'vitest';
import { check } from '../../src/services/check.ts';
import type { Checked } from '../../src/steps.ts';
import type { Attempt } from '../../src/types.ts';
import { refusal } from '../fixtures/refusal.ts';
import { attempt, digestOf } from '../machines/values.ts';
import { serve, signedHead, trustingRig } from './head-fixture.ts';
import { DAY_MS, install, NEVER, NOW, SETTINGS, type Rig } from './rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await trustingRig();
  await rig.store.activate(install(rig, '1.0.0'));
});

const SHA = digestOf('b');
const look = (change: Partial<Attempt> = {}, settings: Partial<typeof SETTINGS> = {}): Promise<Checked> =>
  check(rig, { ...SETTINGS, ...settings })({ attempt: attempt(change) }, NEVER);
const target = (change: Record<string, unknown> = {}) => ({
  os: 'linux',
  arch: 'x64',
  release_digest: digestOf('a'),
  bundles: [{ path: 'bundles/x.jws', size: 10, sha256: SHA }],
  ...change,
});

describe('check', () => {
  it('finds a newer release', async () => {
    await serve(rig, { version: '1.1.0', targets: [target()] });
    expect(await look()).toEqual({
      found: 'release',
      release: { version: '1.1.0', digest: digestOf('a') },
      note: '1.1.0 is available on stable, 10 bytes; 1.0.0 runs',
      offer: {
        source: { kind: 'feed', path: 'bundles/x.jws', size: 10, sha256: SHA },
        release: { version: '1.1.0', digest: digestOf('a') },
        channel: 'stable',
      },
    });
  });

  it('asks the configured channel', async () => {
    await serve(rig, { version: '1.1.0' }, 'edge');
    expect(await look({}, { channel: 'edge' })).toMatchObject({
      found: 'release',
      offer: { channel: 'edge' },
    });
    expect(rig.feed.requests).toEqual(['edge.jws@0']);
  });

  it.each([
    ['1.0.0', '1.0.0, the newest on stable, runs here'],
    ['0.9.9', '0.9.9, the newest on stable, is older than 1.0.0, which runs here'],
  ])('finds nothing new in %s', async (version, reason) => {
    await serve(rig, { version });
    expect(await look()).toEqual({ found: 'nothing', reason, error: null });
  });

  it('finds nothing new in what runs, even without a bundle for this platform', async () => {
    await serve(rig, { version: '1.0.0', targets: [target({ os: 'darwin' })] });
    expect(await look()).toMatchObject({ found: 'nothing', error: null });
  });

  it.each([
    ['another machine', target({ arch: 'arm64' })],
    ['another system', target({ os: 'darwin' })],
    ['another C library', target({ libc: 'musl' })],
  ])('says when the release is only for %s', async (_, only) => {
    await serve(rig, { version: '1.1.0', targets: [only] });
    expect(await refusal(look())).toBe('NO_TARGET');
  });

  it('prefers the bundle for this C library', async () => {
    const glibc = target({ libc: 'glibc', bundles: [{ path: 'bundles/glibc.jws', size: 10, sha256: SHA }] });
    await serve(rig, { version: '1.1.0', targets: [target(), glibc] });
    expect(await look()).toMatchObject({ offer: { source: { path: 'bundles/glibc.jws' } } });
  });

  it('holds a blocked release back', async () => {
    await rig.heads.write('edge', await signedHead({ blocked: ['1.1.0'], version: '1.2.0' }, 'edge'));
    await serve(rig, { version: '1.1.0' });
    expect(await look()).toMatchObject({ found: 'nothing', error: { code: 'VERSION_BLOCKED' } });
  });

  it('holds a release below the floor back', async () => {
    install(rig, '1.2.0');
    await serve(rig, { version: '1.1.0' });
    expect(await look()).toMatchObject({ found: 'nothing', error: { code: 'VERSION_TOO_LOW' } });
  });

  it('holds a quarantined release back, for an operator too', async () => {
    await rig.quarantine.add({
      digest: digestOf('a'),
      version: '1.1.0',
      at: NOW,
      attempt: 'a',
      reason: { code: 'PROBE_TIMEOUT', message: 'HTTP 500' },
      evidence: [],
    });
    await serve(rig, { version: '1.1.0' });
    expect(await look()).toMatchObject({ found: 'nothing', error: { code: 'RELEASE_QUARANTINED' } });
    expect(await look({ trigger: 'update' })).toMatchObject({
      found: 'nothing',
      error: { code: 'RELEASE_QUARANTINED' },
    });
  });

  it('holds a halted release back, for an operator too, and says why', async () => {
    await serve(rig, { version: '1.1.0' });
    const halted = { code: 'ROLLOUT_HALTED', message: '1.1.0 was halted by controller' } as const;
    const asked: string[] = [];
    const orders = {
      halted: ({ digest }: { digest: string }) => {
        asked.push(digest);
        return Promise.resolve(halted);
      },
    };
    for (const trigger of ['schedule', 'update'] as const)
      expect(
        await check({ ...rig, orders }, SETTINGS)({ attempt: { id: 'a', trigger, mode: 'apply' } }, NEVER),
      ).toMatchObject({ found: 'nothing', error: halted });
    expect(asked).toEqual([digestOf('a'), digestOf('a')]);
    expect(rig.reporter.of('heldBack').at(-1)?.held).toMatchObject({ version: '1.1.0', until: null });
  });

  describe('after the bundle was refused', () => {
    const HOUR = SETTINGS.checkIntervalMs;
    const refuse = async (times: number): Promise<void> => {
      for (let count = 0; count < times; count += 1) await rig.journal.refuse(SHA, 'JWS_SIGNATURE_INVALID');
    };
    const after = async (ms: number): Promise<Checked> => {
      await rig.clock.advance(ms);
      return look();
    };
    beforeEach(() => serve(rig, { version: '1.1.0', targets: [target()], exp: NOW / 1000 + 14 * 24 * 3600 }));

    it.each([
      [1, 2 * HOUR],
      [2, 4 * HOUR],
      [3, 8 * HOUR],
      [30, 7 * DAY_MS],
    ])('%i times, the same bytes wait %i ms', async (times, wait) => {
      await refuse(times);
      expect(await after(wait - 1)).toEqual({
        found: 'nothing',
        reason: expect.stringContaining(`fetched again after ${new Date(NOW + wait).toISOString()}`),
        error: {
          code: 'JWS_SIGNATURE_INVALID',
          message: expect.stringContaining('was refused (JWS_SIGNATURE_INVALID)'),
        },
      });
      expect(await after(1)).toMatchObject({ found: 'release' });
    });

    it.each(['check', 'update'] as const)('an operator’s %s does not wait', async (trigger) => {
      await refuse(3);
      expect(await look({ trigger })).toMatchObject({ found: 'release' });
    });

    it('other bytes do not wait', async () => {
      await refuse(3);
      await serve(rig, {
        seq: 2,
        version: '1.1.1',
        targets: [target({ bundles: [{ path: 'y', size: 1, sha256: digestOf('e') }] })],
      });
      expect(await look()).toMatchObject({ found: 'release' });
    });
  });

  describe('of several bundles', () => {
    const FULL = { path: 'bundles/x.jws', size: 1000, sha256: SHA };
    const source = ({ path, size, sha256 }: typeof FULL) => ({ kind: 'feed', path, size, sha256 });
    const deltaFrom = (digest: string, size: number, letter: string) => ({
      path: `bundles/${letter}.jws`,
      size,
      sha256: digestOf(letter),
      base: digest,
    });
    /** Serves a head with the full bundle and these deltas, in an unhelpful order. */
    const offer = (...deltas: ReturnType<typeof deltaFrom>[]) =>
      serve(rig, {
        version: '1.3.0',
        targets: [target({ bundles: [...deltas, FULL] })],
        exp: NOW / 1000 + 14 * 24 * 3600,
      });
    const digest = (version: string): string => rig.store.versions.get(version)!.digest;

    it('takes the smallest whose base is here, with the full one for when it cannot be used', async () => {
      install(rig, '0.9.5');
      await offer(
        deltaFrom(digestOf('9'), 1, 'c'),
        deltaFrom(digest('1.0.0'), 30, 'd'),
        deltaFrom(digest('0.9.5'), 20, 'e'),
      );
      expect(await look()).toMatchObject({
        note: '1.3.0 is available on stable, 20 bytes, a delta from 0.9.5; 1.0.0 runs',
        offer: {
          source: {
            kind: 'feed',
            path: 'bundles/e.jws',
            size: 20,
            sha256: digestOf('e'),
            base: { version: '0.9.5', digest: digest('0.9.5') },
          },
          full: source(FULL),
        },
      });
    });

    it.each([
      ['there is none of its base', () => deltaFrom(digestOf('9'), 1, 'c')],
      ['it is not smaller', () => deltaFrom(digest('1.0.0'), 1000, 'c')],
    ])('takes the full one when %s', async (_, delta) => {
      await offer(delta());
      const found = await look();
      expect(found).toMatchObject({ offer: { source: source(FULL) } });
      expect(found).not.toHaveProperty('offer.full');
      expect(found).not.toHaveProperty('offer.source.base');
    });

    it('does not take a delta whose bytes were refused, not for an operator either, but after a while', async () => {
      install(rig, '0.9.5');
      await offer(deltaFrom(digest('1.0.0'), 30, 'd'), deltaFrom(digest('0.9.5'), 20, 'e'));
      await rig.journal.refuse(digestOf('e'), 'DELTA_FAILED');
      for (const trigger of ['schedule', 'update'] as const)
        expect(await look({ trigger })).toMatchObject({ offer: { source: { path: 'bundles/d.jws' } } });
      await rig.journal.refuse(digestOf('d'), 'DELTA_FAILED');
      expect(await look()).toMatchObject({ offer: { source: source(FULL) } });
      await rig.clock.advance(2 * SETTINGS.checkIntervalMs);
      expect(await look()).toMatchObject({ offer: { source: { path: 'bundles/e.jws' } } });
    });

    it('takes a delta while the bytes of the full bundle wait, however large, and not the full one behind it', async () => {
      await offer(deltaFrom(digest('1.0.0'), 2000, 'd'));
      await rig.journal.refuse(SHA, 'JWS_SIGNATURE_INVALID');
      const found = await look();
      expect(found).toMatchObject({ offer: { source: { path: 'bundles/d.jws' } } });
      expect(found).not.toHaveProperty('offer.full');
      await rig.journal.refuse(digestOf('d'), 'DELTA_FAILED');
      expect(await look()).toMatchObject({ found: 'nothing', error: { code: 'JWS_SIGNATURE_INVALID' } });
    });
  });

  it.each([
    ['HEAD_EXPIRED', { iat: NOW / 1000 - 20, nbf: NOW / 1000 - 20, exp: NOW / 1000 - 10 }],
    ['HEAD_FROM_FUTURE', { iat: NOW / 1000 + 999, nbf: NOW / 1000 + 999, exp: NOW / 1000 + 9999 }],
    ['HEAD_WRONG_CHANNEL', { sub: 'edge' }],
    ['HEAD_STALE', { seq: 1 }],
    ['HEAD_EQUIVOCATION', { seq: 2, jti: 'two' }],
  ])('rejects with %s', async (code, change) => {
    await rig.heads.write('stable', await signedHead({ seq: 2 }, 'stable', NOW - 60_000));
    await serve(rig, { seq: 3, version: '1.1.0', ...change });
    expect(await refusal(look())).toBe(code);
  });

  it('only reports on manual, from the stable head', async () => {
    await serve(rig, { version: '1.1.0' });
    expect(await look({ mode: 'report', trigger: 'check' }, { channel: 'manual' })).toMatchObject({
      found: 'release',
    });
  });

  it('fetches nothing to install on manual', async () => {
    expect(await refusal(look({ trigger: 'update' }, { channel: 'manual' }))).toBe('MANUAL_CHANNEL');
    expect(rig.feed.requests).toEqual([]);
  });
});
