/**
 * One verify and stage in a process of its own, so that its memory is nobody else's. Started by `bench/verify.ts` with its
 * task as JSON; answers with {@link VerifyRun} as JSON on stdout.
 */
import { link, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { importTrustSet } from '../../src/bundle/trust-set.ts';
import type { TrustFile } from '../../src/bundle/trust.ts';
import { nodeDisk } from '../../src/adapters/disk.ts';
import { stage } from '../../src/services/stage.ts';
import { verify } from '../../src/services/verify.ts';
import type { Attempt, Downloaded, Offer, Release } from '../../src/types.ts';
import { residentBytes, resetPeak } from './process-memory.ts';
import { openUpdater, withoutSync } from './updater.ts';

/** What the child is asked to do. Paths are absolute. */
export interface VerifyTask {
  readonly stateDir: string;
  readonly trustFile: string;
  readonly bundle: string;
  readonly size: number;
  readonly sha256: string;
  readonly release: Release;
  /** Whether `fsync` is done. */
  readonly sync: boolean;
}

/** What the child measured. Seconds of wall time, bytes. */
export interface VerifyRun {
  readonly verifySeconds: number;
  readonly stageSeconds: number;
  /** User and system time of all threads. */
  readonly cpuSeconds: number;
  /** Resident before, once nothing is left to collect. */
  readonly idleBytes: number;
  /** The most that was resident, above that. */
  readonly peakBytes: number;
  /** The longest that a timer was late. */
  readonly loopDelayMs: number;
}

const RESOLUTION_MS = 2;

const [argument = ''] = process.argv.slice(2);
const task = JSON.parse(argument) as VerifyTask;
const trust = importTrustSet(JSON.parse(await readFile(task.trustFile, 'utf8')) as TrustFile);
const updater = await openUpdater(task.stateDir, trust, task.sync ? nodeDisk : withoutSync(nodeDisk));
const downloaded: Downloaded = { file: 'bundle.jws', size: task.size, sha256: task.sha256 };
await link(task.bundle, join(task.stateDir, 'downloads', downloaded.file));

const attempt: Attempt = { id: 'bench', trigger: 'update', mode: 'apply' };
const offer: Offer = {
  source: { kind: 'feed', path: 'bundle.jws', size: task.size, sha256: task.sha256 },
  release: task.release,
  channel: 'stable',
};
const { signal } = new AbortController();
const settings = { allowSecurityOverride: false };

// What the start-up left behind must not make room for the work.
for (let round = 0; round < 3; round += 1) {
  globalThis.gc?.();
  await new Promise((resolve) => setTimeout(resolve, 20));
}
const idleBytes = residentBytes('VmRSS') ?? 0;
resetPeak();
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delay.enable();
const cpu = process.cpuUsage();
const started = performance.now();
const verified = await verify(updater, settings)({ attempt, offer, downloaded }, signal);
const between = performance.now();
await stage(updater)({ attempt, downloaded, verified }, signal);
const ended = performance.now();
const { user, system } = process.cpuUsage(cpu);
// A delay is known once the timer that is late has fired.
await new Promise((resolve) => setTimeout(resolve, 5 * RESOLUTION_MS));
delay.disable();

const run: VerifyRun = {
  verifySeconds: (between - started) / 1000,
  stageSeconds: (ended - between) / 1000,
  cpuSeconds: (user + system) / 1e6,
  idleBytes,
  peakBytes: (residentBytes('VmHWM') ?? 0) - idleBytes,
  loopDelayMs: Math.max(0, delay.max / 1e6 - RESOLUTION_MS),
};
updater.journal.end();
process.stdout.write(JSON.stringify(run));
