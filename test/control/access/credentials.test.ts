import { describe, expect, it } from 'vitest';
import {
  createCredentials,
  SESSION_SECONDS,
  type Credentials,
} from '../../../src/control/access/credentials.ts';
import { TOKEN } from '../support/control-fixture.ts';

const make = (now = () => 0, port = 7702): Credentials =>
  createCredentials({ token: TOKEN, port: () => port, now });
const valueOf = (setCookie: string): string => setCookie.split(';')[0]!;

describe('the token', () => {
  it.each([`Bearer ${TOKEN}`, `bearer ${TOKEN}`, `Bearer  ${TOKEN}`])('is taken from %.12s…', (header) => {
    expect(make().isAuthorized(header)).toBe(true);
  });

  it.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    TOKEN,
    `Basic ${TOKEN}`,
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(1)}`,
    `Bearer x${TOKEN.slice(1)}`,
    `Bearer ${TOKEN} ${TOKEN}`,
  ])('is not %.20s', (header) => {
    expect(make().isAuthorized(header)).toBe(false);
  });
});

describe('a session', () => {
  it('is good until it ends, and for the one that gave it', () => {
    let now = 1_000;
    const credentials = make(() => now);
    const cookie = valueOf(credentials.startSession());
    expect(credentials.hasSession(`theme=dark; ${cookie}; x=1`)).toBe(true);
    expect(make(() => now).hasSession(cookie)).toBe(false);
    now += SESSION_SECONDS * 1000;
    expect(credentials.hasSession(cookie)).toBe(false);
  });

  it('holds nothing of the token, and cannot be read or sent by other pages', () => {
    const cookie = make().startSession();
    expect(cookie).not.toContain(TOKEN.slice(0, 8));
    expect(cookie).toMatch(/^coresdk_session_7702=.*; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/);
    expect(make().endSession()).toMatch(/^coresdk_session_7702=; .*Max-Age=0$/);
  });

  it('cannot be made longer, or made up', () => {
    const credentials = make(() => 1_000);
    const [name, expires, seal] = /^(\w+)=(\d+)\.(.*)$/
      .exec(valueOf(credentials.startSession()))!
      .slice(1) as [string, string, string];
    for (const value of [
      `${String(Number(expires) + 1)}.${seal}`,
      `${expires}.${'A'.repeat(43)}`,
      expires,
      TOKEN,
      '',
    ])
      expect(credentials.hasSession(`${name}=${value}`), value).toBe(false);
    expect(credentials.hasSession(undefined)).toBe(false);
    expect(credentials.hasSession(`other=${expires}.${seal}`)).toBe(false);
  });

  it('of one port is none of another’s', () => {
    expect(valueOf(make(() => 0, 1).startSession())).toMatch(/^coresdk_session_1=/);
  });
});
