/** The control API as its callers see it: the CLI, the demo, and whoever embeds them. */
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  AttemptProgress,
  AttemptView,
  ConfigEntry,
  ControlApi,
  ControlEvent,
  DoctorReport,
  FleetView,
  LogView,
  QuarantineView,
  Status,
  StoredVersionView,
  VersionView,
} from './api.ts';
import { UpdateError } from '../errors.ts';
import { readEvents } from './client-events.ts';
import { exchange, type ControlRequest } from './exchange.ts';
import { refusal } from './refusal.ts';
import { routeTo, type ControlTarget } from './target.ts';

/** How {@link ControlClient.follow} waits. */
export interface FollowOptions {
  /** Called with every look, also with the last one. */
  readonly onProgress?: (progress: AttemptProgress) => void;
  /** Ends the wait early; unless given, it lasts until the attempt has ended. */
  readonly until?: (progress: AttemptProgress) => boolean;
  /** Milliseconds between two looks; 200 unless told. */
  readonly pollMs?: number;
  /** How long a daemon that has answered may be away, ms; 90000 unless told. It is for a moment when it becomes its next version. */
  readonly awayMs?: number;
}

/** The control API from outside. Every method rejects with the `UpdateError` that the daemon gave. */
export interface ControlClient extends Omit<ControlApi, 'attempt' | 'events'> {
  /** @throws UpdateError `ATTEMPT_NOT_FOUND` */
  attempt(id: string): Promise<AttemptProgress>;
  /**
   * Every event from now on, until the signal fires; with `after`, first those that the daemon remembers since then. Reconnects by
   * itself, and goes on where it was.
   *
   * @throws UpdateError `DAEMON_UNREACHABLE` when nobody answers for a while
   */
  events(options: { readonly after?: number; readonly signal: AbortSignal }): AsyncIterable<ControlEvent>;
  /**
   * Looks at an attempt again and again until it has ended (or `until` says so); resolves with the last look. A daemon that is replaced
   * meanwhile is waited for.
   *
   * @throws UpdateError `DAEMON_UNREACHABLE` when nobody answers at first, or for `awayMs` afterwards
   */
  follow(id: string, options?: FollowOptions): Promise<AttemptProgress>;
  /** Looks at the status until `until` is true; resolves with the last look. It waits for a daemon as `follow` does. */
  watch(
    until: (status: Status) => boolean,
    options?: Pick<FollowOptions, 'pollMs' | 'awayMs'>,
  ): Promise<Status>;
}

const POLL_MS = 200;

/**
 * How long a daemon that has answered may be away while it is waited for: it becomes its next version, or is started again; and when that
 * one hangs, it takes a minute and more until the one before it is back.
 */
const AWAY_MS = 90_000;

async function poll<T>(
  look: () => Promise<T>,
  until: (seen: T) => boolean,
  { pollMs = POLL_MS, awayMs = AWAY_MS }: Pick<FollowOptions, 'pollMs' | 'awayMs'>,
): Promise<T> {
  let answeredAt: number | null = null;
  while (true) {
    try {
      const seen = await look();
      answeredAt = performance.now();
      if (until(seen)) return seen;
    } catch (error) {
      const isAway = error instanceof UpdateError && error.code === 'DAEMON_UNREACHABLE';
      if (!isAway || answeredAt === null || performance.now() - answeredAt > awayMs) throw error;
    }
    await sleep(pollMs);
  }
}

/**
 * A client of a daemon. Connects with each call, and holds nothing open but what {@link ControlClient.events} reads.
 *
 * @param target - the daemon's socket; or its TCP listener's URL, and the token
 * @throws UpdateError `USAGE` for a URL that is none; every method: `DAEMON_UNREACHABLE` when nobody answers, `CONTROL_FAILED` when the
 *   answer is not understood, or the daemon's version has no such route, and whatever the daemon refuses with
 * @example
 * const client = createControlClient({ socket: '/var/lib/coresdk/control.sock' });
 * const ended = await client.follow(await client.update({ dryRun: false }));
 * @example
 * const client = createControlClient({ url: 'http://127.0.0.1:7702', token });
 * for await (const event of client.events({ signal })) console.log(event.kind);
 */
export function createControlClient(target: ControlTarget): ControlClient {
  const route = routeTo(target);
  // The shapes are those of `api.ts` on both ends, so an answer of success is taken as it is.
  const ask = async <T>(request: ControlRequest): Promise<T> => {
    const answer = await exchange(route, request);
    if (answer.status >= 200 && answer.status < 300) return answer.json as T;
    throw refusal(request, answer);
  };
  const get = <T>(path: string): Promise<T> => ask<T>({ method: 'GET', path });
  const begin = async (path: string, body: object): Promise<string> => {
    const { attempt } = await ask<{ attempt: string }>({ method: 'POST', path, body });
    return attempt;
  };
  const attempt = (id: string): Promise<AttemptProgress> => get(`/v1/attempts/${encodeURIComponent(id)}`);

  return {
    status: () => get<Status>('/v1/status'),
    fleet: () => get<FleetView>('/v1/fleet'),
    history: async (limit) => {
      const { attempts } = await get<{ attempts: AttemptView[] }>(`/v1/history?limit=${String(limit)}`);
      return attempts;
    },
    attempt,
    check: () => begin('/v1/check', {}),
    update: ({ dryRun }) => begin('/v1/update', { dry_run: dryRun }),
    apply: (path) => begin('/v1/apply', { path }),
    rollback: (version) => begin('/v1/rollback', { version }),
    versions: async () => {
      const { versions } = await get<{ versions: StoredVersionView[] }>('/v1/versions');
      return versions;
    },
    quarantine: async () => {
      const { quarantine } = await get<{ quarantine: QuarantineView[] }>('/v1/quarantine');
      return quarantine;
    },
    logs: async (limit) => {
      const { lines } = await get<{ lines: LogView[] }>(`/v1/logs?limit=${String(limit)}`);
      return lines;
    },
    config: async () => {
      const { config } = await get<{ config: ConfigEntry[] }>('/v1/config');
      return config;
    },
    doctor: () => ask<DoctorReport>({ method: 'POST', path: '/v1/doctor', body: {} }),
    events: (options) => readEvents(route, options),
    pause: async (reason) => {
      await ask({ method: 'POST', path: '/v1/pause', body: { reason } });
    },
    approve: (release) => ask<VersionView>({ method: 'POST', path: '/v1/approve', body: { release } }),
    resume: async () => {
      await ask({ method: 'POST', path: '/v1/resume', body: {} });
    },
    retry: async () => {
      await ask({ method: 'POST', path: '/v1/retry', body: {} });
    },
    clearQuarantine: (digest) =>
      ask<VersionView>({ method: 'DELETE', path: `/v1/quarantine/${encodeURIComponent(digest)}` }),
    follow: (id, { onProgress, until, ...times } = {}) =>
      poll(
        async () => {
          const progress = await attempt(id);
          onProgress?.(progress);
          return progress;
        },
        (progress) => progress.ended !== null || until?.(progress) === true,
        times,
      ),
    watch: (until, times = {}) => poll(() => get<Status>('/v1/status'), until, times),
  };
}
