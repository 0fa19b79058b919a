/** The page over a scripted daemon: for what a real one cannot be brought to say. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AttemptView, Status } from '../../../src/control/api.ts';
import { pageFiles } from '../../../src/control/page/files.ts';
import { pageRoutes } from '../../../src/control/page/routes.ts';
import { startControlServer } from '../../../src/control/server.ts';
import { sampleAttempt, sampleQuarantine, sampleStatus } from '../../control/support/samples.ts';
import { scriptedApi, type ScriptedApi } from '../../control/support/scripted-api.ts';

const TOKEN = 'f'.repeat(64);

/** A page with a scripted daemon behind it. */
export interface ScriptedPage {
  readonly url: string;
  readonly api: ScriptedApi;
  /** What the daemon says from now on. */
  set(status: Status, history?: readonly AttemptView[]): void;
  close(): Promise<void>;
}

/** Starts it. */
export async function startScripted(
  status: Status,
  history: readonly AttemptView[] = [],
): Promise<ScriptedPage> {
  const root = await mkdtemp(join(tmpdir(), 'coresdk-page-'));
  const tokenFile = join(root, 'token');
  await writeFile(tokenFile, `${TOKEN}\n`, { mode: 0o600 });
  const now = { status, history };
  const api = scriptedApi();
  const server = await startControlServer({
    api: { ...api, status: async () => now.status, history: async () => [...now.history] },
    socket: join(root, 'c.sock'),
    version: '1.0.0',
    onFault: (error) => {
      throw error;
    },
    tcp: { address: '127.0.0.1:0', tokenFile, hosts: [] },
    pages: pageRoutes(await pageFiles()),
  });
  return {
    url: `${server.url ?? ''}/#token=${TOKEN}`,
    api,
    set: (next, attempts = now.history) => {
      now.status = next;
      now.history = attempts;
    },
    close: async () => {
      await server.close();
      await rm(root, { recursive: true });
    },
  };
}

const iso = (seconds: number): string => new Date(Date.now() + seconds * 1000).toISOString();

const steps = (
  start: number,
  states: readonly AttemptView['steps'][number]['state'][],
): AttemptView['steps'] => states.map((state, index) => ({ state, at: iso(start + index * 4) }));

/** An attempt that was committed, and one that was rolled back. */
export function attempts(): AttemptView[] {
  const way = ['checking', 'downloading', 'verifying', 'staging', 'waiting', 'swapping', 'probing'] as const;
  return [
    sampleAttempt({
      id: 'bad',
      outcome: 'rolledBack',
      from: '1.1.0',
      to: '1.2.0',
      reason: 'HTTP 500 for 60 s',
      error: { code: 'PROBE_TIMEOUT', message: 'HTTP 500 for 60 s', next: 'Read the workload’s log.' },
      started_at: iso(-3700),
      ended_at: iso(-3600),
      steps: steps(-3700, [...way, 'rollingBack', 'rolledBack']),
    }),
    sampleAttempt({
      id: 'good',
      started_at: iso(-7300),
      ended_at: iso(-7240),
      steps: steps(-7300, [...way, 'committed']),
    }),
    sampleAttempt({
      id: 'forged',
      outcome: 'refused',
      to: '1.0.9',
      from: null,
      reason: 'the signature does not fit the bytes',
      error: {
        code: 'JWS_SIGNATURE_INVALID',
        message: 'the signature does not fit the bytes',
        next: 'Do not install it.',
      },
      started_at: iso(-90_000),
      ended_at: iso(-89_980),
      steps: steps(-90_000, ['checking', 'downloading', 'verifying']),
    }),
  ];
}

/** A host with something of everything on the page. */
export function fullStatus(changes: Partial<Status> = {}): Status {
  return sampleStatus({
    next_check_at: iso(720),
    quarantine: [
      { ...sampleQuarantine(), at: iso(-3600), evidence: ['HTTP 500 after 0.2 s', 'HTTP 500 after 0.4 s'] },
    ],
    last_error: {
      code: 'PROBE_TIMEOUT',
      message: 'HTTP 500 for 60 s',
      next: 'Read the workload’s log.',
      at: iso(-3600),
    },
    ...changes,
  });
}

/** What a hostile release, feed or log may bring. */
export const HOSTILE = {
  markup: '<img src=x onerror="alert(1)"><script>alert(2)</script></script><svg onload=alert(3)>',
  turned: '1.2.0\u202e0.9\u2066\u0007\u200b',
  long: 'w'.repeat(10_000),
} as const;

/** Hostile texts wherever a text of somebody else may stand. */
export function hostileStatus(): Status {
  const { markup, turned, long } = HOSTILE;
  const error = { code: 'PROBE_TIMEOUT', message: `${markup} ${long}`, next: markup } as const;
  return fullStatus({
    next_check_at: null,
    next_check_why: markup,
    current: { version: turned, digest: null },
    versions: [
      { version: markup, digest: 'a'.repeat(64), committed_at: iso(-10), current: true, size_bytes: 5 },
      { version: long, digest: 'b'.repeat(64), committed_at: iso(-20), current: false, size_bytes: 5 },
    ],
    held_back: { version: turned, reason: markup, until: null },
    last_error: { ...error, at: iso(-5) },
    warnings: [{ ...error, at: iso(-5) }],
    quarantine: [
      {
        digest: 'c'.repeat(64),
        role: 'release',
        version: long,
        at: iso(-5),
        reason: error,
        evidence: [markup, turned, long],
      },
    ],
    workload: {
      ...sampleStatus().workload,
      version: markup,
      last_exit: long,
      health: { healthy: false, detail: markup },
    },
  });
}

/** An attempt with hostile texts. */
export function hostileAttempts(): AttemptView[] {
  const [bad] = attempts();
  return [{ ...bad!, from: HOSTILE.turned, to: HOSTILE.markup, reason: HOSTILE.long }];
}
