import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { createHostGuard, isLoopback, isOwnOrigin, parseHost } from '../../../src/control/access/host.ts';
import { refusal } from '../../fixtures/refusal.ts';

const called = (hosts: readonly string[], localAddress: string, localPort = 7702): IncomingMessage =>
  ({ headersDistinct: { host: hosts }, socket: { localAddress, localPort } }) as unknown as IncomingMessage;

describe('the name by which a listener is called', () => {
  it.each([
    ['127.0.0.1:7702', '127.0.0.1'],
    ['localhost:7702', '127.0.0.1'],
    ['LocalHost:7702', '127.0.0.1'],
    ['[::1]:7702', '::1'],
    ['[0:0:0:0:0:0:0:1]:7702', '::1'],
    ['127.0.0.1:7702', '::ffff:127.0.0.1'],
    ['192.0.2.7:7702', '192.0.2.7'],
    ['[2001:DB8::1]:7702', '2001:db8::1'],
    ['box.example:7702', '192.0.2.7'],
    ['box.example', '192.0.2.7'],
    ['BOX.example:443', '192.0.2.7'],
    ['here:7702', '192.0.2.7'],
  ])('may be %s, at %s', (host, address) => {
    const guard = createHostGuard('here', ['box.example', '[2001:db8::5]']);
    expect(guard(called([host], address))).toMatchObject({ port: expect.any(Number) });
  });

  it.each([
    ['evil.example:7702', '127.0.0.1'],
    ['evil.example', '127.0.0.1'],
    ['127.0.0.1:80', '127.0.0.1'],
    ['127.0.0.1', '127.0.0.1'],
    ['127.0.0.2:7702', '127.0.0.1'],
    ['localhost:7702', '192.0.2.7'],
    ['localhost.:7702', '127.0.0.1'],
    ['localhost.evil.example:7702', '127.0.0.1'],
    ['box.example.evil.example', '127.0.0.1'],
    ['127.0.0.1:7702@evil.example', '127.0.0.1'],
    ['127.0.0.1:7702, evil.example', '127.0.0.1'],
    ['127.0.0.1:99999', '127.0.0.1'],
    ['[::1:7702', '::1'],
    ['', '127.0.0.1'],
  ])('may not be %s, at %s', async (host, address) => {
    const guard = createHostGuard('127.0.0.1', ['box.example']);
    expect(await refusal(() => guard(called([host], address)))).toBe('HOST_NOT_ALLOWED');
  });

  it('has to be there, and only once', async () => {
    const guard = createHostGuard('127.0.0.1', []);
    for (const hosts of [[], ['127.0.0.1:7702', '127.0.0.1:7702']])
      expect(await refusal(() => guard(called(hosts, '127.0.0.1')))).toBe('HOST_NOT_ALLOWED');
  });
});

describe('an origin', () => {
  const own = { host: '127.0.0.1', port: 7702 };

  it.each([
    ['http://127.0.0.1:7702', own],
    ['https://box.example', { host: 'box.example', port: 80 }],
    ['http://box.example', { host: 'box.example', port: 80 }],
    ['http://[::1]:7702', { host: '::1', port: 7702 }],
  ])('%s is this listener’s', (origin, at) => {
    expect(isOwnOrigin(origin, at)).toBe(true);
  });

  it.each([
    'null',
    '',
    'http://127.0.0.1:9999',
    'http://127.0.0.1',
    'http://localhost:7702',
    'http://evil.example:7702',
    'http://127.0.0.1:7702/',
    'http://user@127.0.0.1:7702',
    'file://127.0.0.1:7702',
    'chrome-extension://127.0.0.1:7702',
  ])('%s is foreign', (origin) => {
    expect(isOwnOrigin(origin, own)).toBe(false);
  });
});

it('tells hosts from what is none', () => {
  expect(parseHost('a.b')).toEqual({ host: 'a.b', port: 80 });
  expect(parseHost('[::1]:8')).toEqual({ host: '::1', port: 8 });
  for (const text of ['a:b', 'a:123456', '::1', '[1.2.3.4]', 'a b', 'ü:1'])
    expect(parseHost(text), text).toBeNull();
});

it('tells loopback from other addresses', () => {
  for (const address of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])
    expect(isLoopback(address), address).toBe(true);
  for (const address of ['0.0.0.0', '::', '10.0.0.1', '::ffff:10.0.0.1', '127.example'])
    expect(isLoopback(address), address).toBe(false);
});
