/** What must hold after every plan: in what the daemon left, and once another one has started on it. */
import { expect } from 'vitest';
import { ERROR_CODES } from '../../../../src/error-codes.ts';
import { nodeDisk } from '../../../../src/adapters/disk.ts';
import type { VersionRef } from '../../../../src/types.ts';
import {
  attemptViolations,
  committedViolations,
  currentViolations,
  forgottenViolations,
  progressViolations,
  runningViolations,
  settledViolations,
} from '../invariants.ts';
import { lookAtState, type StateView } from '../state-view.ts';
import type { Life, RealHost } from './host.ts';
import { within } from './patience.ts';
import type { World } from './world.ts';

const lookAt = (host: RealHost): Promise<StateView> =>
  lookAtState(nodeDisk, host.paths, { version: host.baselineVersion, entry: host.baseline });

/** A state directory before a plan; null where there is none yet. */
export async function lookBefore(host: RealHost): Promise<StateView | null> {
  try {
    await nodeDisk.lstat(host.paths.versions);
  } catch {
    return null;
  }
  return lookAt(host);
}

/** Attempts that the next daemon must still know: those that came further than `checking`, and those that ended. */
async function knownAttempts({ ports, sightings }: Life): Promise<string[]> {
  const { journal } = ports;
  const inFlight = await journal.inFlight();
  const { ended } = sightings.all.at(-1)?.context ?? {};
  const leavesNoLine =
    ended?.outcome === 'nothing' || ended?.outcome === 'available' ? ended.attempt.id : null;
  return (await journal.history(100))
    .map(({ id }) => id)
    .filter((id) => id !== leavesNoLine && !(inFlight?.attempt.id === id && inFlight.state === 'checking'));
}

/**
 * Downloads: nothing once a bundle was staged, or refused for its bytes; else only what the next try goes on with, and what was
 * being unpacked: that goes with the next start.
 */
async function downloadViolations({ host }: World, { sightings }: Life): Promise<string[]> {
  const names = await nodeDisk.readdir(host.paths.downloads);
  const { ended } = sightings.all.at(-1)?.context ?? {};
  const refused =
    (ended?.stage === 'verifying' || ended?.stage === 'staging') &&
    ended.error !== null &&
    ERROR_CODES[ended.error.code].blames === 'bundle';
  const isOver = refused || ended?.outcome === 'committed';
  return names
    .filter((name) => isOver || !/^(unpacked|(local|[0-9a-f]{64})\.jws)$/.test(name))
    .map((name) => `downloads/${name} was left behind`);
}

async function untilAnswer(host: RealHost): Promise<string> {
  for (;;) {
    const answer = await host.answer();
    if (answer !== null) return answer;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Versions that may be current after a plan. */
function allowed({ offer, host }: World, before: StateView | null): VersionRef[] {
  const baseline: VersionRef = { origin: 'baseline', version: host.baselineVersion };
  const stored = (before?.versions ?? []).map(({ ref }) => ref);
  return [baseline, ...stored, { origin: 'store', version: offer.version, digest: offer.digest }];
}

/**
 * Stops what runs, looks at what is left, starts another daemon on it, and judges both.
 *
 * @returns the life of the second daemon
 */
export async function afterwards(world: World, before: StateView | null): Promise<Life> {
  const { host, settings } = world;
  const first = world.life();
  const known = await knownAttempts(first).catch(() => []);
  await within('the daemon stops', first.stop(), first.log);
  expect(await host.processes()).toEqual([]);
  const left = await lookAt(host);
  expect(await downloadViolations(world, first)).toEqual([]);
  const wentBack = (from: StateView | null, to: StateView): string[] =>
    from === null ? [] : progressViolations(from, to);
  expect(wentBack(before, left)).toEqual([]);

  const life = await host.start(settings);
  // No check of its own, nor the end of a watch: what is judged is what was left.
  life.pacing.free('schedule', 'watch');
  const idle = await within(
    'the next daemon is idle',
    life.sightings.next(0, ({ state }) => state === 'idle' || state === 'failed'),
    life.log,
  );
  expect(idle.state).toBe('idle');
  const held = first.sightings.all.at(-1)?.context.held ?? null;
  // A pause, and that there is none any more, outlasts the restart.
  if (held !== 'unread') expect(idle.context.held).toEqual(held);
  await within('the last attempt is closed', life.reached('schedule'), life.log);
  const answer = await within('the workload answers', untilAnswer(host), life.log);

  const view = await lookAt(host);
  const { journal, workload } = life.ports;
  const attempts = {
    history: await journal.history(100),
    inFlight: await journal.inFlight(),
    pausedBy: idle.context.paused?.code ?? null,
  };
  const { pid, ref } = workload.status();
  const pids = await host.processes();
  expect(pids).toEqual([pid]);
  expect([
    ...settledViolations(view),
    ...currentViolations(view, allowed(world, before)),
    ...committedViolations(view),
    ...wentBack(left, view),
    ...runningViolations(view, [{ pid: pid ?? 0, version: ref?.version ?? 'nothing' }]),
    ...attemptViolations(view, attempts),
    ...forgottenViolations(known, attempts),
  ]).toEqual([]);
  expect(answer).toBe(view.current.origin === 'baseline' ? 'baseline' : view.current.version);
  await within('the next daemon stops', life.stop(), life.log);
  expect(await host.processes()).toEqual([]);
  return life;
}
