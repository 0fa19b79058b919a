/**
 * Torture: rounds of a random update, a random fault and random kills on a real host with the shipped program; after each round
 * everything that must hold is looked at.
 *
 * Invariants:
 * - A round ends, whatever happens in it: with a host on which nothing is under way, or with a violation.
 * - No process is left behind, however it ends.
 */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Status } from '../../src/control/api.ts';
import { createControlClient, type ControlClient } from '../../src/control/client.ts';
import { UpdateError } from '../../src/errors.ts';
import type { BuiltForTests } from '../e2e/support/built.ts';
import { createHostOn, eventually, type Host } from '../e2e/support/host-on.ts';
import type { Behaviour } from '../e2e/support/workload-program.ts';
import { judge, workloadProcesses, type Look } from '../kill/support/invariants.ts';
import { DAMAGES } from '../kill/support/journal-damage.ts';
import type { Chance } from './chance.ts';
import { FAULTS, type TortureFault } from './faults.ts';
import type { Tally } from './tally.ts';

/** What torture needs. */
export interface TortureOptions {
  readonly built: BuiltForTests;
  readonly chance: Chance;
  readonly tally: Tally;
  /** Whether a disk may be filled. */
  readonly mayFill: boolean;
  /** Makes the state directory a small disk; returns what takes it away. */
  readonly disk: ((host: Host) => Promise<() => void>) | null;
  /** Ends it after the round that is under way. */
  readonly signal: AbortSignal;
  /** Where what was found is copied to. */
  readonly evidence: string;
  readonly say: (line: string) => void;
}

const GOOD: readonly Behaviour[] = ['healthy', 'ignoresSigterm'];
const BAD: readonly Behaviour[] = [
  'answers500', 'exits', 'silent', 'answers500Stubborn', 'answers500WithChild', 'crashesSoon',
]; // prettier-ignore
const KILLS = ['daemon', 'workload', 'both', 'stop'] as const;

const CONFIG = {
  update: { check_interval: 3600, rollback_timeout: 6 },
  workload: { stop_timeout: 0.5, backoff_initial: 0.05, crash_loop: 2 },
  probe: { watch: 3 },
  log: { level: 'info' },
} as const;

const POLL = { pollMs: 60, patienceMs: 120_000 } as const;

const isQuiet = ({ state, attempt, watching, workload }: Status): boolean =>
  state === 'idle' && attempt === null && watching === null && workload.state === 'running';

/** A host under torture. */
class Victim {
  readonly #host: Host;
  readonly #client: ControlClient;
  readonly #options: TortureOptions;
  #last: Look | null = null;
  #version = 0;
  #runs = false;
  /** Attempts that must stand in the history. */
  #known = new Set<string>();
  #counted = new Set<string>();

  constructor(host: Host, options: TortureOptions) {
    this.#host = host;
    this.#options = options;
    this.#client = createControlClient({ socket: join(host.stateDir, 'control.sock') });
  }

  async #start(): Promise<void> {
    await this.#host.start();
    this.#runs = true;
  }

  /** What the daemon refuses, or that it is gone, is no violation: that is what the round is about. */
  async #ask(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof UpdateError)) throw error;
    }
  }

  /** Waits until nothing is under way; does what an operator would do on the way. */
  async #quiet(): Promise<Status> {
    return eventually(
      'nothing is under way',
      async () => {
        const status = await this.#host.status();
        if (status === null) return null;
        if (status.state === 'failed') await this.#ask(() => this.#client.retry());
        else if (status.paused !== null) await this.#ask(() => this.#client.resume());
        else if (isQuiet(status)) return status;
        return null;
      },
      async () => JSON.stringify(await this.#host.status()),
      POLL,
    );
  }

  async #judge(historyLost: boolean): Promise<Look> {
    for (;;) {
      const status = await this.#quiet();
      const history = await this.#client.history(100);
      const attempts = [...this.#known].slice(-50);
      const look = await judge(this.#host, status, history, {
        before: this.#last?.view ?? null,
        attempts,
        historyLost,
      });
      const after = await this.#host.status();
      // A check that came due in between is no quiet moment.
      if (after === null || !isQuiet(after) || after.last_attempt?.id !== status.last_attempt?.id) continue;
      for (const { id, outcome } of history) {
        if (outcome === null || outcome === 'unknown' || this.#counted.has(id)) continue;
        this.#counted.add(id);
        this.#known.add(id);
        this.#options.tally.attempt(outcome);
      }
      this.#last = look;
      return look;
    }
  }

  async #hurt(kind: (typeof KILLS)[number]): Promise<void> {
    const { tally } = this.#options;
    const pid = (await this.#host.status())?.workload.pid ?? null;
    if (kind !== 'daemon' && kind !== 'stop' && pid !== null) {
      try {
        process.kill(-pid, 'SIGKILL');
        tally.kills += 1;
      } catch {
        // It has ended by itself.
      }
    }
    if (kind === 'workload') return;
    if (kind === 'stop') await this.#host.stop();
    else {
      await this.#host.kill();
      tally.kills += 1;
    }
    this.#runs = false;
  }

  /** One round. Returns what did not hold. */
  async round(): Promise<string[]> {
    const { chance, tally, mayFill, say } = this.#options;
    this.#version += 1;
    const version = `1.0.${String(this.#version)}`;
    const behaviour = chance.happens(0.5) ? chance.pick(GOOD) : chance.pick(BAD);
    const fault: TortureFault = chance.happens(0.4)
      ? chance.pick(FAULTS.filter(({ name }) => mayFill || name !== 'disk full'))
      : FAULTS[0]!;
    const kills = chance.happens(0.6)
      ? Array.from({ length: 1 + chance.below(3) }, () => chance.pick(KILLS))
      : [];
    const damage = kills.length > 0 && chance.happens(0.25) ? chance.pick(DAMAGES) : null;
    const waits = kills.map(() => chance.below(2500));
    const local = chance.happens(0.15);
    const what = [
      `${version} ${behaviour}`,
      ...(local ? ['from a file'] : []),
      ...(fault.name === 'none' ? [] : [fault.name]),
      ...kills.map((kind, at) => `${kind} after ${String(waits[at])} ms`),
      ...(damage === null ? [] : [`journal ${damage.name}`]),
    ].join(', ');
    const before = this.#last?.answer ?? 'baseline';

    const bundle = local
      ? await this.#host.publisher.bundle({ version, behaviour, audience: 'airgap' })
      : await this.#host.publisher.publish({ version, behaviour });
    const mend = await fault.make(this.#host, bundle);
    let damaged = false;
    const ask = (): Promise<void> =>
      this.#ask(() => (local ? this.#client.apply(bundle) : this.#client.update({ dryRun: false })));
    await ask();
    for (const [at, kind] of kills.entries()) {
      await sleep(waits[at]);
      await this.#hurt(kind);
      if (!this.#runs) {
        if (damage !== null && !damaged && fault.name !== 'disk full') {
          await damage.to(join(this.#host.stateDir, 'state.db'));
          damaged = true;
          tally.damages += 1;
        }
        await this.#start();
      }
    }
    if (kills.length === 0) await sleep(fault.stops ? 500 : 0);
    await this.#quietly(fault.stops && kills.length === 0);
    await mend();
    // What was put off by the fault, or by a kill, is asked for again.
    await this.#quiet();
    await ask();
    const look = await this.#judge(damaged);
    if (damaged) this.#known = new Set();
    const wrong = [...look.violations];
    const mayRun = GOOD.includes(behaviour) ? [version] : [before];
    // A kill in the wrong moment, twice, holds a good release back; and who damages its record may be asked for nothing.
    const calm = kills.length === 0 && fault.name === 'none';
    if (calm && !mayRun.includes(look.answer)) wrong.push(`expected ${mayRun.join()}, found ${look.answer}`);
    if (!calm && ![version, before].includes(look.answer) && !(await this.#isCommittedHere(look.answer)))
      wrong.push(`expected ${version} or ${before}, found ${look.answer}`);
    tally.rounds += 1;
    tally.faults += fault.name === 'none' ? 0 : 1;
    say(`${wrong.length === 0 ? 'ok  ' : 'FAIL'} ${what}: ${look.answer}`);
    return wrong.map((each) => `${what}: ${each}`);
  }

  /** Waits for the end of an attempt that a fault must end, before the fault is taken away. */
  async #quietly(wait: boolean): Promise<void> {
    if (wait) await this.#quiet();
  }

  /** Going back may lead further than to the version before, when that one is damaged or crashes. */
  async #isCommittedHere(answer: string): Promise<boolean> {
    if (answer === 'baseline') return true;
    const status = await this.#host.status();
    return (
      status?.versions.some(({ version, committed_at }) => version === answer && committed_at !== null) ??
      false
    );
  }

  async run(): Promise<void> {
    const { tally, signal, evidence, say } = this.#options;
    await this.#start();
    await this.#judge(false);
    while (!signal.aborted) {
      let wrong: string[];
      try {
        wrong = await this.round();
      } catch (error) {
        wrong = [error instanceof Error ? (error.stack ?? error.message) : String(error)];
      }
      if (wrong.length === 0) continue;
      tally.violations.push(...wrong);
      await cp(this.#host.root, evidence, {
        recursive: true,
        verbatimSymlinks: true,
        filter: (path) => !path.endsWith('.sock'),
      });
      say(`what was found is in ${evidence}`);
      return;
    }
  }
}

/** Tortures one host until the signal, or until something does not hold. */
export async function torture(options: TortureOptions): Promise<void> {
  const host = await createHostOn(options.built, { config: CONFIG, detached: true });
  const unmount = (await options.disk?.(host)) ?? null;
  try {
    await new Victim(host, options).run();
  } finally {
    await host.stop();
    for (const pid of await workloadProcesses(host)) {
      options.tally.violations.push(`process ${String(pid)} was left behind after a stop`);
      process.kill(pid, 'SIGKILL');
    }
    unmount?.();
    await host[Symbol.asyncDispose]();
  }
}
