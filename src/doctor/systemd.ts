/**
 * Whether systemd's limits let an update, and the way back from it, come to an end. What the properties mean: systemd.service(5),
 * systemd.unit(5), systemd.kill(5).
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { fail, pass, skip, warn, type Check, type Finding } from './check.ts';
import type { Patient } from './patient.ts';

const TIMEOUT_MS = 2_000;
const DEFAULT_UNIT = 'coresdk-sidecar.service';
/** Besides the workload's own time to stop: SIGKILL to its group, and the daemon's own end. */
const STOP_SLACK_MS = 10_000;
/** A start, and one more for each of the two interruptions after which a release is given up, and one in reserve. */
const STARTS_NEEDED = 4;
const WATCHDOG_LEAST_MS = 10_000;
const PROPERTIES = [
  'LoadState',
  'Restart',
  'RestartUSec',
  'StartLimitBurst',
  'StartLimitIntervalUSec',
  'TimeoutStopUSec',
  'WatchdogUSec',
  'KillMode',
] as const;

const UNITS_MS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  month: 2_629_800_000,
  y: 31_557_600_000,
};

/**
 * A time span as `systemctl show` writes it (systemd.time(7)), in ms.
 *
 * @returns null when it is none
 * @example
 * parseTimeSpan('1min 30s'); // 90_000
 */
export function parseTimeSpan(text: string): number | null {
  if (text === 'infinity') return Infinity;
  if (text === '0') return 0;
  let total = 0;
  for (const word of text.split(' ')) {
    const [, count = '', unit = ''] = /^(\d+(?:\.\d+)?)([a-z]+)$/.exec(word) ?? [];
    const factor = UNITS_MS[unit];
    if (factor === undefined) return null;
    total += Number(count) * factor;
  }
  return total;
}

/** The properties of a unit by name, from `systemctl show`; null where there is no systemd to ask, or no such unit. */
export type ShowUnit = (unit: string, signal: AbortSignal) => Promise<ReadonlyMap<string, string> | null>;

/** Asks systemd itself. */
export const systemctlShow: ShowUnit = async (unit, signal) => {
  try {
    const { stdout } = await promisify(execFile)(
      'systemctl',
      ['show', unit, `--property=${PROPERTIES.join(',')}`],
      {
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
        maxBuffer: 64 * 1024,
      },
    );
    return new Map(
      stdout
        .split('\n')
        .filter((line) => line.includes('='))
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
  } catch {
    // No systemctl, no bus, or no answer: then there is nothing to judge, which is said.
    return null;
  }
};

/** The unit that a process is in (cgroups(7)). */
async function ownUnit(): Promise<string | null> {
  try {
    return /\/([^/\n]+\.service)(?:\/|$)/m.exec(await readFile('/proc/self/cgroup', 'utf8'))?.[1] ?? null;
  } catch {
    // Not Linux.
    return null;
  }
}

async function unitOf({ inside, env }: Patient): Promise<string | null> {
  if (inside === null) return DEFAULT_UNIT;
  const isService = env['NOTIFY_SOCKET'] !== undefined || env['INVOCATION_ID'] !== undefined;
  return isService ? ((await ownUnit()) ?? DEFAULT_UNIT) : null;
}

const seconds = (ms: number): string => (ms === Infinity ? 'infinity' : `${String(ms / 1000)} s`);

type Judge = (value: (name: string) => string, ms: (name: string) => number, patient: Patient) => Finding;

const restart: Judge = (value) => {
  const found = value('Restart');
  return ['always', 'on-failure', 'on-abnormal'].includes(found)
    ? pass(`Restart=${found}`)
    : warn(
        `expected Restart=on-failure or always, found Restart=${found}`,
        'Set it: a daemon that dies in the middle of an update must be started again, to go back.',
      );
};

const startLimit: Judge = (value, ms) => {
  const interval = ms('StartLimitIntervalUSec');
  const burst = Number(value('StartLimitBurst'));
  if (interval === 0 || burst === 0) return pass('systemd starts it again without a limit');
  const text = `StartLimitBurst=${String(burst)} in StartLimitIntervalSec=${seconds(interval)}`;
  // It waits so long before each start that the limit is never met.
  if (burst * ms('RestartUSec') >= interval || burst >= STARTS_NEEDED) return pass(text);
  return fail(
    `expected systemd to allow ${String(STARTS_NEEDED)} starts, which the way back from an update may need, found ${text}`,
    'Set StartLimitIntervalSec=0 in [Unit].',
  );
};

const stopTimeout: Judge = (_value, ms, { config }) => {
  const found = ms('TimeoutStopUSec');
  const needed = config.workload.stopTimeoutMs + STOP_SLACK_MS;
  if (found >= needed) return pass(`TimeoutStopSec=${seconds(found)}`);
  return fail(
    `expected TimeoutStopSec of at least ${seconds(needed)} (workload.stop_timeout and ${seconds(STOP_SLACK_MS)} more), found ${seconds(found)}`,
    'Raise it, or lower workload.stop_timeout: else systemd kills the workload before its time.',
  );
};

const watchdog: Judge = (_value, ms) => {
  const found = ms('WatchdogUSec');
  if (found === 0 || found === Infinity) return pass('there is no watchdog');
  if (found >= WATCHDOG_LEAST_MS) return pass(`WatchdogSec=${seconds(found)}`);
  return warn(
    `expected WatchdogSec of at least ${seconds(WATCHDOG_LEAST_MS)}, found ${seconds(found)}`,
    'Raise it: a slow disk must not look like a daemon that hangs.',
  );
};

const killMode: Judge = (value) => {
  const found = value('KillMode');
  return ['control-group', 'mixed'].includes(found)
    ? pass(`KillMode=${found}`)
    : warn(
        `expected KillMode=mixed or control-group, found ${found}`,
        'Set KillMode=mixed: else a workload outlives a daemon that is killed.',
      );
};

const JUDGES: Readonly<Record<string, Judge>> = {
  restart,
  start_limit: startLimit,
  stop_timeout: stopTimeout,
  watchdog,
  kill_mode: killMode,
};

/**
 * The checks of the unit that the daemon runs in, or of `coresdk-sidecar.service` from outside.
 *
 * @param show - asks systemd; the real one unless told
 */
export function systemdChecks(patient: Patient, show: ShowUnit = systemctlShow): Check[] {
  let asked: Promise<ReadonlyMap<string, string> | null> | null = null;
  const ask = async (signal: AbortSignal): Promise<ReadonlyMap<string, string> | null> => {
    const unit = await unitOf(patient);
    return unit === null ? null : show(unit, signal);
  };
  return Object.entries(JUDGES).map(([name, judge]) => ({
    name: `systemd.${name}`,
    look: async (signal) => {
      const found = await (asked ??= ask(signal));
      if (found?.get('LoadState') !== 'loaded')
        return skip('this is no systemd service, or systemd does not answer');
      const value = (key: string): string => found.get(key) ?? '';
      const ms = (key: string): number => {
        const span = parseTimeSpan(value(key));
        if (span === null)
          throw new Error(`expected a time span for ${key}, found ${JSON.stringify(value(key))}`);
        return span;
      };
      return judge(value, ms, patient);
    },
  }));
}
