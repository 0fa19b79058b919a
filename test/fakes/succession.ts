import { UpdateError } from '../../src/errors.ts';
import type { RunningDaemon, Succession, SuccessionState } from '../../src/services/ports.ts';
import type { Successor } from '../../src/types.ts';

/** What becomes of the daemon that a test hands over to. */
export type Fate = 'good' | 'failsSelfTest' | 'cannotBecome';

/** A succession in this object. `become` never resolves, as the real one. */
export interface MemorySuccession extends Succession {
  /** What was asked of it: `selfTest 1.1.0`, `become 1.1.0`, `acknowledge`, `settle`. */
  readonly calls: string[];
  fate: Fate;
  /** The daemon that runs; a test that lets a new one start sets it. */
  self: RunningDaemon;
  now: SuccessionState;
  /** Called in the place of `execve`; it must not return a daemon that goes on. */
  onBecome: (successor: Successor) => void;
  /** The daemon on trial failed, and this one was started again. */
  fall(how: string): void;
}

/**
 * Makes a succession in memory.
 *
 * @param self - the daemon that runs
 * @param calls - where calls are written down
 */
export function memorySuccession(self: RunningDaemon, calls: string[] = []): MemorySuccession {
  const fake: MemorySuccession = {
    calls,
    fate: 'good',
    self,
    now: { kind: 'none' },
    onBecome: () => undefined,
    fall: (how) => {
      if (fake.now.kind !== 'trial') throw new Error('expected a daemon on trial');
      const { attempt, successor } = fake.now;
      fake.self = self;
      const error = {
        code: 'DAEMON_FAILED',
        message: `the daemon of ${successor.ref.version} ${how}`,
      } as const;
      fake.now = { kind: 'failed', attempt, successor, error, evidence: [how] };
    },
    running: () => Promise.resolve(fake.self),
    origin: () => Promise.resolve(fake.self.ref),
    state: () => Promise.resolve(fake.now),
    selfTest: async ({ ref }) => {
      calls.push(`selfTest ${ref.version}`);
      await Promise.resolve();
      if (fake.fate === 'failsSelfTest')
        throw new UpdateError('DAEMON_SELF_TEST_FAILED', 'expected a good daemon, found one that says no', {
          evidence: ['no'],
        });
    },
    become: async (attempt, successor, signal) => {
      calls.push(`become ${successor.ref.version}`);
      await Promise.resolve();
      if (fake.fate === 'cannotBecome')
        throw new UpdateError('HANDOVER_FAILED', 'expected execve, found none');
      fake.now = { kind: 'trial', attempt, successor, starts: 1, acknowledged: false };
      fake.onBecome(successor);
      // This daemon is no more: nothing of it goes on until the test stops it.
      return new Promise((_, reject) => {
        const stopped = (): void => {
          reject(new UpdateError('CANCELLED', 'the daemon became another'));
        };
        if (signal.aborted) stopped();
        else signal.addEventListener('abort', stopped, { once: true });
      });
    },
    acknowledge: async () => {
      calls.push('acknowledge');
      await Promise.resolve();
      if (fake.now.kind === 'trial' && fake.now.successor.sha256 === fake.self.sha256)
        fake.now = { ...fake.now, acknowledged: true };
    },
    settle: async () => {
      calls.push('settle');
      await Promise.resolve();
      const isOver = fake.now.kind === 'trial' && fake.now.successor.sha256 !== fake.self.sha256;
      if (fake.now.kind === 'failed' || isOver) fake.now = { kind: 'none' };
    },
  };
  return fake;
}
