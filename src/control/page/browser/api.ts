/** Requests to the daemon, from the page. */
import type { AttemptView, FleetView, Status } from '../../api.ts';

/** A request that was refused, in the daemon's own words. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly status: number;
  readonly code: string;
  readonly next: string;

  constructor(status: number, code: string, message: string, next: string) {
    super(message);
    this.status = status;
    this.code = code;
    this.next = next;
  }
}

async function ask(method: string, path: string, body?: object): Promise<unknown> {
  const response = await fetch(path, {
    method,
    cache: 'no-store',
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  const text = await response.text();
  let json: unknown;
  try {
    json = text === '' ? null : JSON.parse(text);
  } catch {
    throw new Refused(response.status, 'CONTROL_FAILED', 'the answer was not JSON', '');
  }
  if (response.ok) return json;
  const { code, message, next } = (json ?? {}) as Record<string, unknown>;
  const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
  throw new Refused(response.status, textOf(code), textOf(message), textOf(next));
}

/** What the page asks for and may do. Everything rejects with `Refused`, or with a `TypeError` when nobody answers. */
export const api = {
  session: (token: string): Promise<unknown> => ask('POST', '/v1/session', { token }),
  status: (): Promise<Status> => ask('GET', '/v1/status') as Promise<Status>,
  history: async (): Promise<readonly AttemptView[]> => {
    const answer = (await ask('GET', '/v1/history?limit=50')) as { attempts: AttemptView[] };
    return answer.attempts;
  },
  fleet: (): Promise<FleetView> => ask('GET', '/v1/fleet') as Promise<FleetView>,
  check: (): Promise<unknown> => ask('POST', '/v1/check', {}),
  apply: (path: string): Promise<unknown> => ask('POST', '/v1/apply', { path }),
  approve: (): Promise<unknown> => ask('POST', '/v1/approve', {}),
  pause: (reason: string | null): Promise<unknown> => ask('POST', '/v1/pause', { reason }),
  resume: (): Promise<unknown> => ask('POST', '/v1/resume', {}),
  retry: (): Promise<unknown> => ask('POST', '/v1/retry', {}),
  rollback: (version: string | null): Promise<unknown> => ask('POST', '/v1/rollback', { version }),
};
