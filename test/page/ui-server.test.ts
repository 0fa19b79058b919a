import { onTestFinished, describe, expect, it } from 'vitest';
import { startUiServer } from '../../src/control/page/ui-server.ts';
import {
  raw,
  startControl,
  type ControlFixture,
  type RawAnswer,
} from '../control/support/control-fixture.ts';

const files = { '/': { type: 'text/html; charset=utf-8', body: '<!doctype html>page' } };

interface Ui {
  readonly daemon: ControlFixture;
  readonly port: number;
  readonly host: string;
  readonly token: string;
  readonly ask: (
    method: string,
    path: string,
    body?: string,
    headers?: Record<string, string>,
  ) => Promise<RawAnswer>;
  /** Opens a session, and gives the headers of the page. */
  readonly signIn: () => Promise<Record<string, string>>;
}

async function startUi(): Promise<Ui> {
  const daemon = await startControl();
  const server = await startUiServer({ socket: daemon.socket, files });
  onTestFinished(() => server.close());
  const url = new URL(server.url);
  const port = Number(url.port);
  const { host } = url;
  const token = url.hash.replace('#token=', '');
  const ask: Ui['ask'] = (method, path, body = '', headers = {}) =>
    raw(port, method, path, body, { host, ...headers });
  return {
    daemon,
    port,
    host,
    token,
    ask,
    signIn: async () => {
      const page = { origin: url.origin, 'content-type': 'application/json' };
      const { status, headers } = await ask('POST', '/v1/session', JSON.stringify({ token }), page);
      expect(status).toBe(204);
      const [cookie = ''] = headers['set-cookie'] as string[];
      expect(cookie).toMatch(/; HttpOnly; SameSite=Strict/);
      return { ...page, cookie: cookie.split(';')[0] ?? '' };
    },
  };
}

const code = ({ text }: RawAnswer): unknown => (JSON.parse(text) as { code: unknown }).code;

describe('startUiServer', () => {
  it('serves the page with its policy, and listens on loopback', async () => {
    const { ask, host } = await startUi();
    expect(host).toMatch(/^127\.0\.0\.1:\d+$/);
    const { status, headers, text } = await ask('GET', '/');
    expect([status, text]).toEqual([200, files['/'].body]);
    expect(headers['content-security-policy']).toContain("default-src 'none'");
  });

  it('passes requests on to the socket for who has a session', async () => {
    const { ask, signIn, daemon } = await startUi();
    const page = await signIn();
    expect(JSON.parse((await ask('GET', '/v1/status', '', page)).text)).toMatchObject({ state: 'idle' });
    const { status } = await ask('POST', '/v1/check', '{}', page);
    expect(status).toBe(202);
    expect(daemon.api.calls).toEqual([['check']]);
  });

  it('gives one session for its token, and none for another', async () => {
    const { ask, signIn, host, token } = await startUi();
    const page = { origin: `http://${host}`, 'content-type': 'application/json' };
    expect((await ask('GET', '/v1/status')).status).toBe(401);
    expect((await ask('POST', '/v1/session', '{"token":"wrong"}', page)).status).toBe(401);
    expect((await ask('POST', '/v1/session', 'x', page)).status).toBe(400);
    expect((await ask('POST', '/v1/session', 'x'.repeat(20_000), page)).status).toBe(400);
    await signIn();
    expect(code(await ask('POST', '/v1/session', JSON.stringify({ token }), page))).toBe('UNAUTHORIZED');
  });

  it('is not to be had by another name, or from a page of another origin', async () => {
    const { ask, signIn, daemon } = await startUi();
    const page = await signIn();
    expect(code(await ask('GET', '/', '', { host: 'evil.example' }))).toBe('HOST_NOT_ALLOWED');
    expect(code(await ask('POST', '/v1/check', '{}', { ...page, origin: 'http://evil.example' }))).toBe(
      'HOST_NOT_ALLOWED',
    );
    const { origin: _, ...without } = page;
    expect(code(await ask('POST', '/v1/check', '{}', without))).toBe('HOST_NOT_ALLOWED');
    expect(code(await ask('GET', '/etc/passwd', '', page))).toBe('USAGE');
    expect(daemon.api.calls).toEqual([]);
  });

  it('says when nobody answers at the socket', async () => {
    const { ask, signIn, daemon } = await startUi();
    const page = await signIn();
    await daemon.close();
    expect(code(await ask('GET', '/v1/status', '', page))).toBe('DAEMON_UNREACHABLE');
  });
});
