import { describe, expect, it } from 'vitest';
import { assignments, type Notice, type ServiceManager } from '../../src/adapters/service-manager.ts';
import type { ControlEvent, Status } from '../../src/control/api.ts';
import { announce, isReady, type Announcer } from '../../src/daemon/service-notices.ts';
import { UpdateError } from '../../src/errors.ts';
import { sampleStatus } from '../control/support/samples.ts';
import { createFakeClock, type FakeClock } from '../fakes/fake-clock.ts';

const ROLLBACK_MS = 60_000;
const { workload } = sampleStatus();
const SICK = sampleStatus({ workload: { ...workload, health: { healthy: false, detail: 'HTTP 500' } } });
const REPAIRING = sampleStatus({ state: 'rollingBack', from: '1.1.0', to: '1.2.0' });

interface Rig {
  readonly clock: FakeClock;
  readonly announcer: Announcer;
  /** What systemd was told and has not been looked at yet. */
  told(): string[];
  status: Status | UpdateError;
  readonly warnings: UpdateError[];
  happen(kind: ControlEvent['kind']): void;
}

function rig(first: Status, { watchdogMs = null as number | null, api = true } = {}): Rig {
  const clock = createFakeClock();
  const notices: Notice[] = [];
  const listeners = new Set<(event: ControlEvent) => void>();
  const warnings: UpdateError[] = [];
  const manager: ServiceManager = {
    listens: true,
    watchdogMs,
    notify: (notice) => notices.push(notice),
    settled: () => Promise.resolve(),
  };
  const made: Omit<Rig, 'announcer'> = {
    clock,
    warnings,
    status: first,
    told: () => notices.splice(0).map((notice) => assignments(notice).join(' ')),
    happen: (kind) => {
      for (const listener of listeners) listener({ kind } as ControlEvent);
    },
  };
  const announcer = announce({
    manager,
    clock,
    api: api
      ? {
          status: async () => {
            if (made.status instanceof Error) throw made.status;
            return made.status;
          },
          events: (listener) => {
            listeners.add(listener);
            return () => listeners.delete(listener);
          },
        }
      : null,
    rollbackTimeoutMs: ROLLBACK_MS,
    stopTimeoutMs: 10_000,
    warn: (error) => warnings.push(error),
  });
  return Object.assign(made, { announcer });
}

const readyIn = (told: readonly string[]): boolean => told.some((message) => message.includes('READY=1'));

describe('READY', () => {
  it('is told with the first healthy look, and once', async () => {
    const host = rig(sampleStatus());
    await host.clock.advance(0);
    expect(host.told()).toContain('READY=1 STATUS=1.1.0 healthy; next check 2026-01-02T03:56:05Z');
    await host.clock.advance(120_000);
    expect(readyIn(host.told())).toBe(false);
    await host.announcer.close();
  });

  it('waits for the workload, and asks for time meanwhile', async () => {
    const host = rig(SICK);
    await host.clock.advance(25_000);
    const told = host.told();
    expect(told.filter((message) => message === 'EXTEND_TIMEOUT_USEC=40000000')).toHaveLength(3);
    expect(told).toContain('STATUS=1.1.0 NOT HEALTHY: HTTP 500; next check 2026-01-02T03:56:05Z');
    expect(readyIn(told)).toBe(false);
    host.status = sampleStatus();
    await host.clock.advance(1_000);
    expect(readyIn(host.told())).toBe(true);
    await host.clock.advance(60_000);
    expect(host.told().some((message) => message.includes('EXTEND'))).toBe(false);
    await host.announcer.close();
  });

  it('waits while an interrupted update is repaired, healthy or not', async () => {
    const host = rig(REPAIRING);
    await host.clock.advance(ROLLBACK_MS + 5_000);
    expect(readyIn(host.told())).toBe(false);
    host.status = sampleStatus();
    await host.clock.advance(1_000);
    expect(readyIn(host.told())).toBe(true);
    await host.announcer.close();
  });

  it('does not wait for ever for a workload that is down, and says so', async () => {
    const host = rig(REPAIRING);
    await host.clock.advance(30_000);
    host.status = SICK;
    await host.clock.advance(ROLLBACK_MS - 2_000);
    expect(readyIn(host.told())).toBe(false);
    await host.clock.advance(5_000);
    expect(host.told().find((message) => message.startsWith('READY=1'))).toContain('NOT HEALTHY');
    await host.announcer.close();
  });

  it('comes in the end whatever is repaired', () => {
    const patience = { healthyMs: 10, allMs: 100 };
    expect(isReady(REPAIRING, { started: 99, decided: null }, patience)).toBe(false);
    expect(isReady(REPAIRING, { started: 100, decided: null }, patience)).toBe(true);
  });

  it('is told at once where there is no update logic', async () => {
    const host = rig(sampleStatus(), { api: false });
    expect(readyIn(host.told())).toBe(true);
    await host.announcer.close();
  });
});

describe('STATUS', () => {
  it('is told when it changes, and again a moment after an event', async () => {
    const host = rig(sampleStatus());
    await host.clock.advance(1_000);
    host.told();
    await host.clock.advance(5_000);
    host.status = sampleStatus({ state: 'checking' });
    host.happen('state');
    await host.clock.advance(0);
    expect(host.told()).toEqual(['STATUS=1.1.0 healthy; looking for a newer release']);
    // No event tells of this one: it is what the last one set off.
    host.status = sampleStatus({ next_check_at: '2026-01-02T05:00:00.000Z' });
    await host.clock.advance(1_000);
    expect(host.told()).toEqual(['STATUS=1.1.0 healthy; next check 2026-01-02T05:00:00Z']);
    await host.announcer.close();
  });

  it('is looked at by itself too, and not told twice', async () => {
    const host = rig(sampleStatus());
    await host.clock.advance(1_000);
    host.told();
    host.status = SICK;
    await host.clock.advance(120_000);
    expect(host.told()).toEqual(['STATUS=1.1.0 NOT HEALTHY: HTTP 500; next check 2026-01-02T03:56:05Z']);
    await host.announcer.close();
  });

  it('is told at most once a second, however much happens', async () => {
    const host = rig(sampleStatus());
    await host.clock.advance(2_000);
    host.told();
    for (let turn = 0; turn < 20; turn += 1) {
      host.status = sampleStatus({ workload: { ...workload, version: `1.1.${String(turn)}` } });
      host.happen('probe');
      await host.clock.advance(100);
    }
    expect(host.told().length).toBeLessThanOrEqual(3);
    await host.announcer.close();
  });

  it('that cannot be read is one warning, and does not stop the watchdog', async () => {
    const host = rig(sampleStatus(), { watchdogMs: 3_000 });
    await host.clock.advance(0);
    host.told();
    host.status = new UpdateError('STATE_DIR_UNUSABLE', 'the disk is gone');
    host.happen('state');
    await host.clock.advance(100_000);
    expect(host.warnings.map(({ message }) => message)).toEqual(['the disk is gone']);
    expect(host.told().filter((message) => message === 'WATCHDOG=1')).toHaveLength(100);
    await host.announcer.close();
  });
});

describe('the watchdog', () => {
  it('is fed three times in its time, also while it stops', async () => {
    const host = rig(sampleStatus(), { watchdogMs: 60_000 });
    host.announcer.stopping();
    await host.clock.advance(59_999);
    expect(host.told().filter((message) => message === 'WATCHDOG=1')).toHaveLength(3);
    await host.announcer.close();
    expect(host.clock.sleeping).toBe(0);
  });
});

describe('STOPPING', () => {
  it('comes with the time that it may take, and nothing is said after it', async () => {
    const host = rig(SICK);
    await host.clock.advance(0);
    host.told();
    host.announcer.stopping();
    expect(host.told()).toEqual(['STOPPING=1 STATUS=stopping EXTEND_TIMEOUT_USEC=40000000']);
    host.status = sampleStatus();
    host.happen('workload');
    await host.clock.advance(30_000);
    expect(host.told()).toEqual([]);
    await host.announcer.close();
    expect(host.clock.sleeping).toBe(0);
  });
});

it('does nothing without a service manager', async () => {
  const clock = createFakeClock();
  const refuse = (): never => {
    throw new Error('nobody is to be asked');
  };
  const announcer = announce({
    manager: { listens: false, watchdogMs: null, notify: refuse, settled: refuse },
    api: { status: refuse, events: refuse },
    clock,
    rollbackTimeoutMs: 1,
    stopTimeoutMs: 1,
    warn: refuse,
  });
  announcer.stopping();
  await announcer.close();
  expect(clock.sleeping).toBe(0);
});
