import { beforeEach, describe, expect, it } from 'vitest';
import { UpdateError } from '../src/errors.ts';
import type { Beside, WorkloadStatus } from '../src/services/ports.ts';
import { backOffMs } from '../src/services/supervise.ts';
import { createSupervisor, type Supervisor, type SupervisorPolicy } from '../src/supervisor.ts';
import type { LaunchTarget } from '../src/types.ts';
import { createFakeClock, type FakeClock } from './fakes/fake-clock.ts';
import { createFakeProcesses, type FakeProcesses } from './fakes/fake-processes.ts';
import { refusal } from './fixtures/refusal.ts';
import { NEW, OLD } from './machines/values.ts';

const POLICY: SupervisorPolicy = {
  stopTimeoutMs: 10_000,
  backoffInitialMs: 1_000,
  backoffMaxMs: 8_000,
  stableAfterMs: 60_000,
  crashLoop: 3,
};
const NEVER = new AbortController().signal;
const old: LaunchTarget = { ref: OLD, entry: '/old' };
const fresh: LaunchTarget = { ref: NEW, entry: '/new' };

let clock: FakeClock;
let processes: FakeProcesses;
let supervisor: Supervisor;
beforeEach(() => {
  clock = createFakeClock();
  processes = createFakeProcesses(clock);
  supervisor = createSupervisor({ processes, clock }, POLICY);
});
const tick = (): Promise<void> => clock.advance(0);
const crash = async (): Promise<void> => {
  for (const pid of processes.running()) processes.exit(pid, { code: 1 });
  await tick();
};
const watching = (): WorkloadStatus['state'][] => {
  const seen: WorkloadStatus['state'][] = [];
  supervisor.subscribe(({ state }) => seen.push(state));
  return seen;
};

describe('start', () => {
  it('resolves with the pid once it runs', async () => {
    const { pid } = await supervisor.start(old, NEVER);
    expect(processes.running()).toEqual([pid]);
    expect(supervisor.status()).toEqual({
      state: 'running',
      ref: OLD,
      pid,
      startedAt: clock.now(),
      restarts: 0,
      lastExit: null,
    });
  });

  it('stops what runs before', async () => {
    const seen = watching();
    const first = await supervisor.start(old, NEVER);
    const second = await supervisor.start(fresh, NEVER);
    expect(second.pid).not.toBe(first.pid);
    expect(processes.running()).toEqual([second.pid]);
    expect(seen).toEqual(['starting', 'running', 'stopping', 'stopped', 'starting', 'running']);
  });

  it('rejects when it cannot be launched, but goes on trying', async () => {
    processes.behaviours.set('/new', 'missing');
    expect(await refusal(supervisor.start(fresh, NEVER))).toBe('WORKLOAD_START_FAILED');
    await tick();
    expect(supervisor.status()).toMatchObject({
      state: 'backingOff',
      ref: NEW,
      pid: null,
      startedAt: null,
      lastExit: expect.stringContaining('/new'),
    });
    processes.behaviours.delete('/new');
    await clock.advance(POLICY.backoffInitialMs);
    expect(supervisor.status()).toMatchObject({ state: 'running', restarts: 1 });
  });

  it('resolves even if the program ends at once', async () => {
    processes.behaviours.set('/new', { exits: 3 });
    const { pid } = await supervisor.start(fresh, NEVER);
    expect(await supervisor.exit(pid, NEVER)).toBe('exit code 3');
  });

  it('takes over from a program that waits for its next start', async () => {
    await supervisor.start(old, NEVER);
    await crash();
    expect(supervisor.status().state).toBe('backingOff');
    await supervisor.start(fresh, NEVER);
    expect(supervisor.status()).toMatchObject({ state: 'running', ref: NEW, restarts: 0, lastExit: null });
    await clock.advance(POLICY.backoffMaxMs);
    expect(processes.launched).toEqual([old, fresh]);
  });
});

describe('stop', () => {
  it('ends it and keeps it ended', async () => {
    await supervisor.start(old, NEVER);
    await supervisor.stop(NEVER);
    expect(processes.running()).toEqual([]);
    expect(supervisor.status()).toMatchObject({ state: 'stopped', pid: null, startedAt: null });
    await clock.advance(3_600_000);
    expect(processes.launched).toHaveLength(1);
  });

  it('does nothing when nothing runs', async () => {
    await supervisor.stop(NEVER);
    await supervisor.stop(NEVER);
    expect(supervisor.status().state).toBe('stopped');
  });

  it('kills what ignores SIGTERM after the grace', async () => {
    processes.behaviours.set('/old', 'ignoresTerm');
    await supervisor.start(old, NEVER);
    const stopping = supervisor.stop(NEVER);
    await clock.advance(POLICY.stopTimeoutMs - 1);
    expect(supervisor.status().state).toBe('stopping');
    await clock.advance(1);
    await stopping;
    expect(processes.running()).toEqual([]);
  });

  it('during a start is taken once the process is there, and the start rejects', async () => {
    const launch = processes.launch.bind(processes);
    const launching = Promise.withResolvers<undefined>();
    processes.launch = async (target, signal) => {
      await launching.promise;
      return launch(target, signal);
    };
    const starting = refusal(supervisor.start(old, NEVER));
    const stopping = supervisor.stop(NEVER);
    launching.resolve(undefined);
    await stopping;
    expect(processes.launched).toHaveLength(1);
    expect(processes.running()).toEqual([]);
    expect(supervisor.status().state).toBe('stopped');
    expect(await starting).toBe('CANCELLED');
  });

  it('after a crash ends the waiting', async () => {
    await supervisor.start(old, NEVER);
    await crash();
    await supervisor.stop(NEVER);
    expect(supervisor.status().state).toBe('stopped');
    expect(clock.sleeping).toBe(0);
  });

  it('rejects when the signal fires, and goes on stopping', async () => {
    processes.behaviours.set('/old', 'ignoresTerm');
    await supervisor.start(old, NEVER);
    const ended = new AbortController();
    const stopping = refusal(supervisor.stop(ended.signal));
    ended.abort();
    expect(await stopping).toBe('CANCELLED');
    await clock.advance(POLICY.stopTimeoutMs);
    expect(supervisor.status().state).toBe('stopped');
  });

  it('rejects when it will not end, and tries again when asked again', async () => {
    await supervisor.start(old, NEVER);
    const terminate = processes.terminate.bind(processes);
    processes.terminate = () => Promise.reject(new UpdateError('WORKLOAD_STOP_FAILED', 'state D'));
    expect(await refusal(supervisor.stop(NEVER))).toBe('WORKLOAD_STOP_FAILED');
    expect(await refusal(supervisor.stop(NEVER))).toBe('WORKLOAD_STOP_FAILED');
    expect(processes.running()).toHaveLength(1);
    processes.terminate = terminate;
    await supervisor.stop(NEVER);
    expect(processes.running()).toEqual([]);
    await supervisor.stop(NEVER);
  });

  it('that failed does not let another program start beside', async () => {
    await supervisor.start(old, NEVER);
    processes.terminate = () => Promise.reject(new UpdateError('WORKLOAD_STOP_FAILED', 'state D'));
    expect(await refusal(supervisor.start(fresh, NEVER))).toBe('WORKLOAD_STOP_FAILED');
    expect(await refusal(supervisor.start(fresh, NEVER))).toBe('WORKLOAD_STOP_FAILED');
    expect(processes.launched).toEqual([old]);
  });
});

describe('crashes', () => {
  it('are followed by another start, later each time up to the cap', async () => {
    await supervisor.start(old, NEVER);
    const waits: number[] = [];
    for (let round = 0; round < 6; round += 1) {
      await crash();
      const began = clock.monotonic();
      while (supervisor.status().state !== 'running') await clock.advance(500);
      waits.push(clock.monotonic() - began);
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
    expect(supervisor.status()).toMatchObject({ restarts: 6, lastExit: 'exit code 1' });
  });

  it('are forgotten after a calm run', async () => {
    await supervisor.start(old, NEVER);
    await crash();
    await clock.advance(1_000);
    await crash();
    await clock.advance(2_000);
    await clock.advance(POLICY.stableAfterMs);
    await crash();
    await clock.advance(999);
    expect(supervisor.status().state).toBe('backingOff');
    await clock.advance(1);
    expect(supervisor.status()).toMatchObject({ state: 'running', restarts: 3 });
  });

  it('sweep what is left of the group, without a grace', async () => {
    const terminate = processes.terminate.bind(processes);
    const swept: [number, number][] = [];
    processes.terminate = (launched, graceMs) => {
      swept.push([launched.pid, graceMs]);
      return terminate(launched, graceMs);
    };
    const { pid } = await supervisor.start(old, NEVER);
    await crash();
    expect(swept).toEqual([[pid, 0]]);
  });

  it('go on being followed by starts though the group will not end', async () => {
    await supervisor.start(old, NEVER);
    processes.terminate = () => Promise.reject(new UpdateError('WORKLOAD_STOP_FAILED', 'state D'));
    await crash();
    await clock.advance(POLICY.backoffInitialMs);
    expect(supervisor.status().state).toBe('running');
  });

  it('name the signal that ended it', async () => {
    const { pid } = await supervisor.start(old, NEVER);
    processes.exit(pid, { signal: 'SIGSEGV' });
    await tick();
    expect(supervisor.status().lastExit).toBe('signal SIGSEGV');
  });

  it('leave no time of start behind', async () => {
    await supervisor.start(old, NEVER);
    await crash();
    expect(supervisor.status()).toMatchObject({ state: 'backingOff', pid: null, startedAt: null });
    await clock.advance(1_000);
    expect(supervisor.status().startedAt).toBe(clock.now());
  });
});

describe('exit', () => {
  it('resolves when the process ends, with how', async () => {
    const { pid } = await supervisor.start(old, NEVER);
    const exit = supervisor.exit(pid, NEVER);
    processes.exit(pid, { code: 3 });
    expect(await exit).toBe('exit code 3');
  });

  it('resolves at once when it has ended', async () => {
    const { pid } = await supervisor.start(old, NEVER);
    await crash();
    await clock.advance(1_000);
    expect(await supervisor.exit(pid, NEVER)).toBe('exit code 1');
  });

  it('rejects only by the signal', async () => {
    const { pid } = await supervisor.start(old, NEVER);
    const ended = new AbortController();
    const exit = refusal(supervisor.exit(pid, ended.signal));
    ended.abort();
    expect(await exit).toBe('CANCELLED');
    expect(await refusal(supervisor.exit(pid, AbortSignal.abort()))).toBe('CANCELLED');
  });
});

describe('crashLoop', () => {
  const seen = (): string[] => {
    const words: string[] = [];
    void supervisor.crashLoop(NEVER).then((how) => words.push(how));
    return words;
  };

  it('resolves after several crashes in a row', async () => {
    await supervisor.start(old, NEVER);
    const words = seen();
    for (const wait of [1_000, 2_000]) {
      await crash();
      await clock.advance(wait);
    }
    expect(words).toEqual([]);
    await crash();
    expect(words).toEqual(['3 crashes in a row, the last by exit code 1']);
  });

  it('counts launches that fail', async () => {
    processes.behaviours.set('/old', 'missing');
    const words = seen();
    await refusal(supervisor.start(old, NEVER));
    await clock.advance(3_000);
    expect(words).toEqual([expect.stringMatching(/^3 crashes in a row, the last by expected a program/)]);
  });

  it('does not count crashes with calm runs in between', async () => {
    await supervisor.start(old, NEVER);
    const words = seen();
    for (let round = 0; round < 5; round += 1) {
      await clock.advance(POLICY.stableAfterMs);
      await crash();
      await clock.advance(POLICY.backoffInitialMs);
    }
    expect(words).toEqual([]);
  });

  it('starts counting anew with another program', async () => {
    await supervisor.start(old, NEVER);
    for (const wait of [1_000, 2_000]) {
      await crash();
      await clock.advance(wait);
    }
    await supervisor.start(fresh, NEVER);
    const words = seen();
    await crash();
    expect(words).toEqual([]);
  });

  it('rejects only by the signal', async () => {
    expect(await refusal(supervisor.crashLoop(AbortSignal.abort()))).toBe('CANCELLED');
  });
});

it('ends what an earlier daemon left, with the grace', async () => {
  processes.survivor = { pid: 7, version: '1.0.0' };
  expect(await supervisor.endSurvivor()).toEqual({ pid: 7, version: '1.0.0' });
  expect(await supervisor.endSurvivor()).toBeNull();
});

describe('backOffMs', () => {
  it.each([
    [0, 1_000],
    [1, 1_000],
    [2, 2_000],
    [3, 4_000],
    [4, 8_000],
    [5, 8_000],
    [10_000, 8_000],
  ])('after %i crashes in a row: %i ms', (crashes, ms) => {
    expect(backOffMs(crashes, POLICY)).toBe(ms);
  });
});

describe('adopt', () => {
  it('takes over what an earlier daemon left, as if it had started it', async () => {
    const { pid } = await supervisor.start(old, NEVER);
    processes.abandon();
    const next = createSupervisor({ processes, clock }, POLICY);
    expect(await next.adopt?.(old, NEVER)).toEqual({ pid });
    expect(next.status()).toMatchObject({ state: 'running', pid, ref: OLD });
    expect(processes.launched).toHaveLength(1);
    processes.exit(pid, { code: 1 });
    await tick();
    await clock.advance(POLICY.backoffInitialMs);
    expect(next.status()).toMatchObject({ state: 'running', restarts: 1 });
    expect(processes.launched).toHaveLength(2);
    await next.stop(NEVER);
    expect(processes.running()).toEqual([]);
  });

  it('takes over nothing of another version, and starts nothing', async () => {
    await supervisor.start(old, NEVER);
    processes.abandon();
    const next = createSupervisor({ processes, clock }, POLICY);
    expect(await next.adopt?.(fresh, NEVER)).toBeNull();
    expect(next.status().state).toBe('stopped');
    expect(processes.launched).toHaveLength(1);
  });
});

describe('beside', () => {
  const beside = (): Beside => {
    const { beside: its } = supervisor;
    if (its === undefined) throw new Error('expected a supervisor that can run two');
    return its;
  };

  it('runs a second version, of whose end whoever waits for its pid is told, and does not start it again', async () => {
    const first = await supervisor.start(old, NEVER);
    const { pid } = await beside().start(fresh, NEVER);
    expect(processes.running()).toEqual([first.pid, pid]);
    expect(supervisor.status()).toMatchObject({ ref: OLD, pid: first.pid });
    const ended = supervisor.exit(pid, NEVER);
    processes.exit(pid, { code: 3 });
    expect(await ended).toBe('exit code 3');
    await clock.advance(POLICY.backoffMaxMs);
    expect(processes.running()).toEqual([first.pid]);
  });

  it('is ended without the other, and by every stop', async () => {
    const first = await supervisor.start(old, NEVER);
    await beside().start(fresh, NEVER);
    await beside().end(NEVER);
    expect(processes.running()).toEqual([first.pid]);
    await beside().start(fresh, NEVER);
    await supervisor.stop(NEVER);
    expect(processes.running()).toEqual([]);
  });

  it('takes the place of the other, and is supervised from then on', async () => {
    await supervisor.start(old, NEVER);
    const { pid } = await beside().start(fresh, NEVER);
    await beside().promote(NEVER);
    expect(processes.promoted).toEqual([pid]);
    await beside().relieve(NEVER);
    expect(processes.running()).toEqual([pid]);
    expect(supervisor.status()).toMatchObject({ state: 'running', ref: NEW, pid });
    await beside().relieve(NEVER);
    await crash();
    await clock.advance(POLICY.backoffInitialMs);
    expect(supervisor.status()).toMatchObject({ state: 'running', ref: NEW, restarts: 1 });
  });

  it('does not take the place of the other once it has ended', async () => {
    await supervisor.start(old, NEVER);
    const { pid } = await beside().start(fresh, NEVER);
    processes.exit(pid, { code: 3 });
    await tick();
    expect(await refusal(beside().relieve(NEVER))).toBe('PROBE_EXITED');
  });

  it('that would not end does not keep the other running where all is stopped', async () => {
    const main = await supervisor.start(old, NEVER);
    const { pid } = await beside().start(fresh, NEVER);
    const terminate = processes.terminate.bind(processes);
    processes.terminate = (launched, graceMs) =>
      launched.pid === pid
        ? Promise.reject(new UpdateError('WORKLOAD_STOP_FAILED', 'state D'))
        : terminate(launched, graceMs);
    expect(await refusal(supervisor.stop(NEVER))).toBe('WORKLOAD_STOP_FAILED');
    expect(processes.running()).toEqual([pid]);
    expect(supervisor.status().state).toBe('stopped');
    expect(main.pid).not.toBe(pid);
  });

  it('runs on while the other crashes and is started again', async () => {
    const first = await supervisor.start(old, NEVER);
    const { pid } = await beside().start(fresh, NEVER);
    processes.exit(first.pid, { code: 1 });
    await clock.advance(POLICY.backoffInitialMs);
    expect(supervisor.status()).toMatchObject({ state: 'running', ref: OLD, restarts: 1 });
    expect(processes.running()).toContain(pid);
  });
});
