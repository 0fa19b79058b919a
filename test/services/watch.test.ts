import { beforeEach, describe, expect, it } from 'vitest';
import { UpdateError } from '../../src/errors.ts';
import { watch } from '../../src/services/watch.ts';
import type { Watched } from '../../src/steps.ts';
import type { VersionRef } from '../../src/types.ts';
import { refusal } from '../fixtures/refusal.ts';
import { createRig, install, NEVER, NOW, SETTINGS, type Rig } from './rig.ts';

let rig: Rig;
let previous: VersionRef;
let version: Extract<VersionRef, { origin: 'store' }>;
beforeEach(() => {
  rig = createRig();
  previous = install(rig, '1.0.0');
  version = install(rig, '1.1.0', { at: NOW - 5, previous, watched: false });
});
const run = (signal = NEVER): Promise<Watched> =>
  watch(rig, SETTINGS)({ watch: { version, previous } }, signal);
const mark = () => rig.store.versions.get('1.1.0')?.mark;

describe('watch', () => {
  it('has nothing to watch without a fresh commit, or of the program that was there before', async () => {
    expect(await watch(rig, SETTINGS)({ watch: null }, NEVER)).toEqual({ saw: 'nothing' });
    expect(await watch(rig, SETTINGS)({ watch: { version: rig.store.baseline, previous } }, NEVER)).toEqual({
      saw: 'nothing',
    });
  });

  it('marks a version that stayed calm, so that it counts for the floor', async () => {
    const watching = run();
    await rig.clock.advance(SETTINGS.watchMs - 1);
    expect(mark()?.watched).toBe(false);
    await rig.clock.advance(1);
    expect(await watching).toEqual({ saw: 'calm' });
    expect(mark()).toEqual({ at: NOW - 5, previous, watched: true });
  });

  it('keeps what the mark says of an explicit act', async () => {
    install(rig, '1.1.0', { at: NOW - 5, previous, watched: false, appliedOver: '0.9.0' });
    const watching = run();
    await rig.clock.advance(SETTINGS.watchMs);
    await watching;
    expect(mark()).toEqual({ at: NOW - 5, previous, watched: true, appliedOver: '0.9.0' });
  });

  it('leads back from a crash loop', async () => {
    const watching = run();
    await rig.clock.advance(30_000);
    rig.workload.crashLoopNow('3 crashes in a row');
    expect(await watching).toEqual({
      saw: 'crashLoop',
      attempt: { id: 'id-1', trigger: 'watch', mode: 'apply' },
      plan: { from: previous, to: version },
      verdict: {
        error: {
          code: 'CRASH_LOOP',
          message: '1.1.0 was committed, and then crashed again and again: 3 crashes in a row',
        },
        evidence: ['3 crashes in a row'],
        interruptions: 0,
      },
    });
    expect(mark()?.watched).toBe(false);
    expect(rig.clock.sleeping).toBe(0);
  });

  it('ends on time where that is no multiple of how often it counts', async () => {
    const watching = watch(rig, { ...SETTINGS, watchMs: 25_000 })({ watch: { version, previous } }, NEVER);
    await rig.clock.advance(24_999);
    expect(mark()?.watched).toBe(false);
    await rig.clock.advance(1);
    expect(await watching).toEqual({ saw: 'calm' });
  });

  it('marks the version that it watched, with its own time, beside a newer one', async () => {
    install(rig, '1.2.0', null);
    const watching = run();
    await rig.clock.advance(SETTINGS.watchMs);
    await watching;
    expect(mark()?.at).toBe(NOW - 5);
    expect(rig.store.versions.get('1.2.0')?.mark).toBeNull();
  });

  it('marks a version whose commit could not be recorded, with the time of now', async () => {
    version = install(rig, '1.1.0', null);
    const watching = run();
    await rig.clock.advance(SETTINGS.watchMs);
    expect(await watching).toEqual({ saw: 'calm' });
    expect(mark()).toEqual({ at: NOW + SETTINGS.watchMs, previous, watched: true });
  });

  it('says when what it watched is gone', async () => {
    rig.store.versions.delete('1.1.0');
    const watching = refusal(run());
    await rig.clock.advance(SETTINGS.watchMs);
    expect(await watching).toBe('VERSION_NOT_FOUND');
  });

  it('listens for crashes no longer than it watches', async () => {
    let listening: AbortSignal | null = null;
    const crashLoop = rig.workload.crashLoop.bind(rig.workload);
    rig.workload.crashLoop = (signal) => {
      listening = signal;
      return crashLoop(signal);
    };
    const watching = run();
    await rig.clock.advance(SETTINGS.watchMs);
    await watching;
    expect(listening).toMatchObject({ aborted: true });
  });

  it('passes on a fault of the clock, which is no crash loop', async () => {
    rig.clock.sleep = () => Promise.reject(new UpdateError('INTERNAL', 'no timers left'));
    expect(await refusal(run())).toBe('INTERNAL');
  });

  it('sees a crash loop that was there before it looked', async () => {
    rig.workload.crashLoopNow('3 crashes in a row');
    expect(await run()).toMatchObject({ saw: 'crashLoop' });
  });

  it('goes on with what is left after a restart', async () => {
    const ended = new AbortController();
    const first = run(ended.signal);
    await rig.clock.advance(495_000);
    ended.abort();
    await expect(first).rejects.toBeDefined();
    expect(await rig.journal.spent(`watch:${version.digest}`)).toBe(490_000);

    const second = run();
    await rig.clock.advance(109_999);
    expect(mark()?.watched).toBe(false);
    await rig.clock.advance(1);
    expect(await second).toEqual({ saw: 'calm' });
  });

  it('ends at once when its time was spent already', async () => {
    await rig.journal.spend(`watch:${version.digest}`, SETTINGS.watchMs);
    expect(await run()).toEqual({ saw: 'calm' });
    expect(mark()?.watched).toBe(true);
  });

  it('ends with the signal, and waits for nothing then', async () => {
    const ended = new AbortController();
    const watching = run(ended.signal);
    await rig.clock.advance(1_000);
    ended.abort();
    await expect(watching).rejects.toBeDefined();
    expect(rig.clock.sleeping).toBe(0);
    expect(mark()?.watched).toBe(false);
  });

  it('says when its mark cannot be written; time that cannot be written is only a warning', async () => {
    rig.store.mark = () => Promise.reject(new UpdateError('DISK_FULL', 'no space'));
    rig.journal.spend = () => Promise.reject(new UpdateError('JOURNAL_WRITE_FAILED', 'read-only'));
    const marking = refusal(run());
    await rig.clock.advance(SETTINGS.watchMs);
    expect(await marking).toBe('DISK_FULL');
    expect(rig.reporter.warnings()[0]).toMatchObject({ code: 'JOURNAL_WRITE_FAILED' });
  });
});
