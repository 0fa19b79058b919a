import { beforeEach, describe, expect, it } from 'vitest';
import type { Head } from '../../src/bundle/head.ts';
import { cohort } from '../../src/bundle/rollout.ts';
import { check } from '../../src/services/check.ts';
import { gate } from '../../src/services/gate.ts';
import { turnOf } from '../../src/services/turn.ts';
import type { HeldBack } from '../../src/services/ports.ts';
import type { Settings } from '../../src/services/settings.ts';
import type { Checked, Passed } from '../../src/steps.ts';
import type { Attempt } from '../../src/types.ts';
import { headClaims } from '../fixtures/forge.ts';
import { refusal } from '../fixtures/refusal.ts';
import { attempt, digestOf } from '../machines/values.ts';
import { bakeOf, serve, trustingRig } from './head-fixture.ts';
import { DAY_MS, install, NEVER, NOW, SETTINGS, type Rig } from './rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await trustingRig();
  await rig.store.activate(install(rig, '1.0.0'));
});

type Change = Parameters<typeof serve>[1];
const SECOND = NOW / 1000;
const VERSION = { version: '1.1.0' };
/** Where this host stands in the queue for the release of these heads. */
const place = (): number => cohort(rig.host.machineId, rig.host.product, digestOf('a'));

const look = (change: Partial<Attempt> = {}, settings: Partial<Settings> = {}): Promise<Checked> =>
  check(rig, { ...SETTINGS, ...settings })({ attempt: attempt(change) }, NEVER);

/** The same heads, seen by the gate: what waits is what they name. */
async function lastLook(change: Partial<Attempt> = {}, settings: Partial<Settings> = {}): Promise<Passed> {
  install(rig, '1.1.0', null);
  rig.store.versions.set('1.1.0', { ...rig.store.versions.get('1.1.0')!, digest: digestOf('a') });
  const release = { version: '1.1.0', digest: digestOf('a') };
  const offer = {
    source: { kind: 'feed' as const, path: 'bundles/x.jws', size: 1, sha256: digestOf('b') },
    release,
    channel: 'stable' as const,
  };
  return gate(rig, { ...SETTINGS, ...settings })({ attempt: attempt(change), offer, release }, NEVER);
}

const told = (): HeldBack | null | undefined => rig.reporter.of('heldBack').at(-1)?.held;
const ALLOWED = { allowSecurityOverride: true };
const SECURITY = { security: { reason: 'CVE-2026-1', at: SECOND } };

it('a head without a bundle for this platform is nobody’s turn here', async () => {
  const head = JSON.parse(headClaims(NOW, { ...VERSION, targets: [] }).toString()) as Head;
  await expect(turnOf(rig, SETTINGS, head, attempt())).rejects.toMatchObject({
    code: 'NO_TARGET',
    message: '1.1.0 on stable has no bundle for linux/x64',
  });
});

describe('the bake', () => {
  it.each<[string, () => Promise<Change>]>([
    ['BAKE_MISSING', async () => ({ bake: undefined })],
    ['BAKE_INVALID', async () => ({ bake: await bakeOf({ version: '1.2.0' }) })],
    ['BAKE_TOO_SHORT', async () => ({ bake: await bakeOf(VERSION, NOW, 6) })],
  ])('%s stops a stable release, in checking and right before the swap', async (code, change) => {
    await serve(rig, { ...VERSION, ...(await change()) });
    expect(await refusal(look())).toBe(code);
    expect(await refusal(look({ trigger: 'update' }))).toBe(code);
    expect(await refusal(lastLook())).toBe(code);
    expect(rig.gate.held.size).toBe(0);
  });

  it('is not asked for what is not newer', async () => {
    await serve(rig, { version: '1.0.0', bake: undefined });
    expect(await look()).toMatchObject({ found: 'nothing', error: null });
  });

  it('is not asked on edge', async () => {
    await serve(rig, VERSION, 'edge');
    expect(await look({}, { channel: 'edge' })).toMatchObject({ found: 'release' });
  });
});

describe('a security override', () => {
  it('is not honoured unless the operator allows it', async () => {
    await serve(rig, { ...VERSION, ...SECURITY, bake: undefined });
    expect(await refusal(look())).toBe('BAKE_MISSING');
  });

  it.each([
    ['BAKE_MISSING', () => Promise.resolve(undefined)],
    ['BAKE_TOO_SHORT', () => bakeOf(VERSION, NOW, 1)],
  ])('that is allowed counts instead of %s, loudly', async (code, bake) => {
    await serve(rig, { ...VERSION, ...SECURITY, bake: await bake() });
    expect(await look({}, ALLOWED)).toMatchObject({
      found: 'release',
      note: expect.stringMatching(/; security override: CVE-2026-1$/),
      offer: { note: 'security override: CVE-2026-1' },
    });
    expect(rig.reporter.warnings()).toEqual([
      {
        code,
        message: expect.stringMatching(/not waited for, by the publisher’s security override: CVE-2026-1$/),
      },
    ]);
    expect(await lastLook({}, ALLOWED)).toMatchObject({ go: true });
  });

  it('never helps a bake that is wrong', async () => {
    await serve(rig, { ...VERSION, ...SECURITY, bake: await bakeOf({ version: '1.2.0' }) });
    expect(await refusal(look({}, ALLOWED))).toBe('BAKE_INVALID');
  });

  it('that is dated after its head does not count', async () => {
    await serve(rig, { ...VERSION, security: { reason: 'CVE', at: SECOND + 301 }, bake: undefined });
    expect(await refusal(look({}, ALLOWED))).toBe('BAKE_MISSING');
  });

  it('says nothing where it was not needed', async () => {
    await serve(rig, { ...VERSION, ...SECURITY });
    const found = await look({}, ALLOWED);
    expect(found.found === 'release' && found.offer.note).toBeUndefined();
    expect(rig.reporter.warnings()).toEqual([]);
  });

  it('passes over the rollout only where it is allowed', async () => {
    await serve(rig, { ...VERSION, ...SECURITY, rollout: { start: SECOND, percent: 0 } });
    expect(await look()).toMatchObject({ found: 'nothing', error: { code: 'HELD_BACK' } });
    expect(await look({}, ALLOWED)).toMatchObject({
      found: 'release',
      offer: { note: 'security override: CVE-2026-1' },
    });
    expect(rig.reporter.warnings()).toMatchObject([{ code: 'HELD_BACK' }]);
  });
});

describe('a rollout', () => {
  const HOUR = 3600;

  it('holds the release back until this host’s turn, and says when that is', async () => {
    await serve(rig, { ...VERSION, rollout: { start: SECOND, duration: HOUR } });
    const turn = NOW + Math.floor(place() * HOUR * 1000) + 1;
    const reason = `1.1.0 on stable is rolled out bit by bit; this host’s turn comes at ${new Date(turn).toISOString()}`;
    await rig.clock.advance(turn - 1 - NOW);
    expect(await look()).toEqual({ found: 'nothing', reason, error: { code: 'HELD_BACK', message: reason } });
    expect(told()).toEqual({ version: '1.1.0', reason, until: turn });
    expect(await lastLook()).toMatchObject({ go: false, error: { code: 'HELD_BACK' } });
    await rig.clock.advance(1);
    expect(await look()).toMatchObject({ found: 'release' });
    expect(told()).toBeNull();
    expect(await lastLook()).toMatchObject({ go: true });
  });

  it('goes by the line of this host’s group, where there is one', async () => {
    const groups = { canary: { start: SECOND, percent: 100 }, late: { start: SECOND, percent: 0 } };
    await serve(rig, { ...VERSION, rollout: { start: SECOND, percent: 0, groups } });
    expect(await look({}, { group: 'canary' })).toMatchObject({ found: 'release' });
    expect(await look({}, { group: 'late' })).toMatchObject({
      reason:
        '1.1.0 on stable is rolled out bit by bit to group late, and this host is not in the share that has it',
    });
    expect(await look({}, { group: 'unheard-of' })).toMatchObject({ error: { code: 'HELD_BACK' } });
    expect(await look()).toMatchObject({ error: { code: 'HELD_BACK' } });
  });

  it('takes nobody before its start', async () => {
    await serve(rig, { ...VERSION, rollout: { start: SECOND + 60, percent: 100 } });
    expect(await look()).toMatchObject({ error: { code: 'HELD_BACK' } });
    expect(told()).toMatchObject({ until: NOW + 60_000 });
  });

  it('of a fixed share takes the hosts in it, and tells the others that nobody knows when', async () => {
    const percent = place() * 100;
    await serve(rig, { ...VERSION, rollout: { start: SECOND, percent } });
    expect(await look()).toMatchObject({ reason: expect.stringMatching(/not in the share that has it$/) });
    expect(told()).toMatchObject({ until: null });
    await serve(rig, { ...VERSION, seq: 2, rollout: { start: SECOND, percent: percent + 1e-9 } });
    expect(await look()).toMatchObject({ found: 'release' });
  });

  it.each(['check', 'update'] as const)('is passed over by an operator’s %s', async (trigger) => {
    await serve(rig, { ...VERSION, rollout: { start: SECOND, percent: 0 } });
    expect(await look({ trigger })).toMatchObject({ found: 'release' });
    expect(await lastLook({ trigger })).toMatchObject({ go: true });
  });

  it('that is stopped while the update waits puts it off', async () => {
    await serve(rig, { ...VERSION, rollout: { start: SECOND, percent: 100 } });
    rig.gate.meanwhile = async () => {
      await serve(rig, { ...VERSION, seq: 2, rollout: { start: SECOND, percent: 0 } });
    };
    expect(await lastLook()).toMatchObject({ go: false, error: { code: 'HELD_BACK' } });
    // The next check is an interval away: who looks now has to see it.
    expect(told()).toMatchObject({ version: '1.1.0', until: null });
  });

  it('is no longer told once there is nothing newer', async () => {
    await serve(rig, { ...VERSION, rollout: { start: SECOND, percent: 0 } });
    await look();
    expect(told()).not.toBeNull();
    await serve(rig, { version: '1.0.0', seq: 2 });
    await look();
    expect(told()).toBeNull();
  });

  it('is still told while the feed is away', async () => {
    await serve(rig, { ...VERSION, rollout: { start: SECOND, percent: 0 } });
    await look();
    rig.feed.files.clear();
    expect(await refusal(look())).toBe('FEED_REFUSED');
    expect(told()).not.toBeNull();
  });
});

describe('update.min_age', () => {
  const AGE = { minAgeMs: 2 * DAY_MS };
  const EXP = { exp: SECOND + 14 * 24 * 3600 };

  it('counts from when this host first saw the release, whatever the dates say', async () => {
    await serve(rig, { ...VERSION, ...EXP });
    const until = new Date(NOW + 2 * DAY_MS).toISOString();
    const reason = `1.1.0 on stable is installed once this host has known it for 172800 s (update.min_age), at ${until}`;
    expect(await look({}, AGE)).toEqual({
      found: 'nothing',
      reason,
      error: { code: 'HELD_BACK', message: reason },
    });
    expect(told()).toEqual({ version: '1.1.0', reason, until: NOW + 2 * DAY_MS });
    await rig.clock.advance(2 * DAY_MS - 1);
    expect(await look({}, AGE)).toMatchObject({ found: 'nothing' });
    await rig.clock.advance(1);
    expect(await look({}, AGE)).toMatchObject({ found: 'release' });
  });

  it('is waited for by an operator’s own update too', async () => {
    await serve(rig, VERSION);
    expect(await look({ trigger: 'update' }, AGE)).toMatchObject({ error: { code: 'HELD_BACK' } });
    expect(await lastLook({ trigger: 'update' }, AGE)).toMatchObject({
      go: false,
      error: { code: 'HELD_BACK' },
    });
  });

  it('counts also while it is not asked for, and while something else holds the release back', async () => {
    await serve(rig, { ...VERSION, ...EXP, bake: await bakeOf(VERSION, NOW, 6) });
    expect(await refusal(look())).toBe('BAKE_TOO_SHORT');
    await rig.clock.advance(2 * DAY_MS);
    await serve(rig, { ...VERSION, seq: 2 });
    expect(await look({}, AGE)).toMatchObject({ found: 'release' });
  });

  it('starts again for other files of the same version', async () => {
    await serve(rig, { ...VERSION, ...EXP });
    await look({}, AGE);
    await rig.clock.advance(2 * DAY_MS);
    const targets = [
      {
        os: 'linux',
        arch: 'x64',
        release_digest: digestOf('e'),
        bundles: [{ path: 'x', size: 1, sha256: digestOf('b') }],
      },
    ];
    await serve(rig, { ...VERSION, ...EXP, seq: 2, targets });
    expect(await look({}, AGE)).toMatchObject({ error: { code: 'HELD_BACK' } });
  });

  it('and a rollout: the later of the two is told', async () => {
    await serve(rig, { ...VERSION, rollout: { start: SECOND, duration: 60 } });
    await look({}, AGE);
    expect(told()).toMatchObject({ until: NOW + 2 * DAY_MS });
    await serve(rig, { ...VERSION, seq: 2, rollout: { start: SECOND, percent: 0 } });
    await look({}, AGE);
    expect(told()).toMatchObject({ until: null });
  });
});

describe('a step on the way', () => {
  const targetOf = (letter: string) => ({
    os: 'linux',
    arch: 'x64',
    release_digest: digestOf(letter),
    bundles: [{ path: `bundles/${letter}.jws`, size: 1, sha256: digestOf(letter) }],
  });
  const heads = (change: Change = {}): Change => ({
    version: '3.0.0',
    targets: [targetOf('3')],
    steps: [{ version: '2.0.0', targets: [targetOf('2')] }],
    ...change,
  });

  it('is offered instead of the newest to an updater before it', async () => {
    await serve(rig, heads());
    expect(await look()).toMatchObject({
      found: 'release',
      release: { version: '2.0.0', digest: digestOf('2') },
      note: '2.0.0 is available on stable, 1 bytes; 1.0.0 runs; it is a step on the way to 3.0.0',
      offer: { source: { path: 'bundles/2.jws' }, release: { version: '2.0.0' } },
    });
  });

  it('is not superseded by the newest', async () => {
    await serve(rig, heads());
    const release = { version: '2.0.0', digest: install(rig, '2.0.0', null).digest };
    const steps = [{ version: '2.0.0', targets: [{ ...targetOf('2'), release_digest: release.digest }] }];
    await serve(rig, heads({ seq: 2, steps }));
    const offer = {
      source: { kind: 'feed' as const, path: 'x', size: 1, sha256: digestOf('2') },
      release,
      channel: 'stable' as const,
    };
    const pass = (): Promise<Passed> => gate(rig, SETTINGS)({ attempt: attempt(), offer, release }, NEVER);
    expect(await pass()).toMatchObject({ go: true });
    await serve(rig, heads({ seq: 3, steps: [{ version: '2.1.0', targets: [targetOf('2')] }] }));
    expect(await pass()).toMatchObject({ go: false, error: { code: 'SUPERSEDED' } });
  });

  it('waits as the head as a whole does', async () => {
    await serve(rig, heads({ rollout: { start: SECOND, percent: 0 } }));
    expect(await look()).toMatchObject({ error: { code: 'HELD_BACK' } });
    await serve(rig, heads({ seq: 2, bake: undefined }));
    expect(await refusal(look())).toBe('BAKE_MISSING');
    await serve(rig, heads({ seq: 3 }));
    await rig.clock.advance(DAY_MS);
    expect(await look({}, { minAgeMs: 2 * DAY_MS })).toMatchObject({ error: { code: 'HELD_BACK' } });
    expect(await rig.journal.seen(digestOf('3'))).toBe(NOW);
  });

  it('says so when it runs, and the updater is still the one before', async () => {
    await rig.store.activate(install(rig, '2.0.0'));
    await serve(rig, heads());
    await expect(look()).rejects.toMatchObject({
      code: 'UPDATER_TOO_OLD',
      message:
        'expected an updater of version 2.0.0 or later for 3.0.0 on stable, found 1.0.0; start the daemon again from 2.0.0',
    });
  });

  it('is left behind by the updater that it brought', async () => {
    rig = await trustingRig({ host: { updaterVersion: '2.0.0' } });
    await rig.store.activate(install(rig, '2.0.0'));
    await serve(rig, heads());
    expect(await look()).toMatchObject({ release: { version: '3.0.0' } });
  });

  it('that is not for this platform is said', async () => {
    await serve(
      rig,
      heads({ steps: [{ version: '2.0.0', targets: [{ ...targetOf('2'), arch: 'arm64' }] }] }),
    );
    await expect(look()).rejects.toMatchObject({
      code: 'NO_TARGET',
      message: '2.0.0 on stable has no bundle for linux/x64',
    });
  });

  it('that is blocked is not taken', async () => {
    await serve(rig, heads({ blocked: ['2.0.0'] }));
    expect(await look()).toMatchObject({ error: { code: 'VERSION_BLOCKED' } });
  });
});
