/** What every chapter of the story needs. */
import type { Publisher } from './publisher.ts';
import type { Report } from './report.ts';
import { FEED_URL, type Process, type Site } from './site.ts';

/** What a chapter needs. */
export interface Stage {
  readonly site: Site;
  readonly publisher: Publisher;
  readonly report: Report;
}

/** The configuration of the test: short times, checks only when they are asked for; what is given goes over it. */
export const config = (update: object = {}, rest: object = {}): object => ({
  update: {
    channel: 'edge',
    feed_url: FEED_URL,
    check_interval: 3600,
    rollback_timeout: 10,
    jitter: 0,
    ...update,
  },
  probe: { interval: 0.2, watch: 0.5 },
  workload: { stop_timeout: 5, backoff_initial: 0.2 },
  ...rest,
});

/** Whether a process is a workload. */
export const isServe = ({ command }: { command: string }): boolean => command.endsWith(' serve');
/** Whether a process is a daemon. */
export const isDaemon = ({ command }: { command: string }): boolean => / --config \S+$/.test(command);

/** Exactly one workload and one daemon, of the version that is wanted, healthy and idle. */
export async function settled({ site, report }: Stage, what: string, version: string): Promise<void> {
  const status = await site.until(
    `${version} healthy and idle`,
    (now) => now.state === 'idle' && now.workload.health?.healthy === true && now.watching === null,
  );
  report.check(`${what}: ${version} is what runs`, status.current.version === version, status.current);
  const answer = await site.answer();
  report.check(`${what}: ${version} answers`, answer === version, answer ?? 'nobody');
  // The guard of a daemon's trial ends a moment after it.
  const alone = (processes: readonly Process[]): boolean =>
    processes.length === 2 &&
    processes.filter(isServe).length === 1 &&
    processes.filter(isDaemon).length === 1;
  const processes = await site.untilProcesses('exactly one workload and one daemon', alone);
  report.check(`${what}: exactly one workload and one daemon`, alone(processes), processes);
  const text = await site.untilShows('StatusText', (value) =>
    value.startsWith(`${version} healthy; next check 20`),
  );
  report.check(`${what}: systemctl shows "${version} healthy; next check …"`, text !== '', text);
}
