import { describe, expect, it } from 'vitest';
import { createProbe, type ProbeSettings } from '../../src/adapters/probe.ts';

const SETTINGS: ProbeSettings = {
  url: 'http://127.0.0.1:7701/healthz',
  socket: null,
  exec: null,
  status: [200],
  body: null,
  headers: {},
  caFile: null,
  timeoutMs: 2_000,
};

describe('the probe of a configuration', () => {
  it.each([
    [{ body: 'ok', url: 'tcp://127.0.0.1:1' }, /probe\.body/],
    [{ headers: { a: 'b' }, url: 'grpc://127.0.0.1:1' }, /probe\.headers/],
    [{ caFile: '/ca.pem' }, /probe\.ca_file/],
    [{ caFile: '/ca.pem', url: 'grpc://127.0.0.1:1' }, /probe\.ca_file/],
    [{ socket: '/s', exec: ['/bin/true'] }, /probe\.socket.*probe\.exec/],
    [{ socket: '/s', url: 'tcp://127.0.0.1:1' }, /probe\.socket/],
    [{ url: 'ftp://127.0.0.1/' }, /found ftp:/],
    [{ url: 'nonsense' }, /found nonsense/],
    [{ url: 'grpc://127.0.0.1' }, /a port/],
    [{ url: 'grpcs://127.0.0.1' }, /a port/],
    [{ url: 'grpc://127.0.0.1:1/%ff' }, /name of a service/],
    [{ url: 'grpc://127.0.0.1:1/a?b' }, /no query/],
    [{ url: 'tcp://127.0.0.1' }, /a port/],
    [{ url: 'tcp://127.0.0.1:1/healthz' }, /tcp:\/\/host:port/],
  ] as [Partial<ProbeSettings>, RegExp][])(
    'is not made of %j, which says nothing to it',
    async (change, message) => {
      await expect(createProbe({ ...SETTINGS, ...change })).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(message) as string,
      });
    },
  );

  it('names what it looks at', async () => {
    const address = async (change: Partial<ProbeSettings>): Promise<string> =>
      (await createProbe({ ...SETTINGS, ...change })).address;
    expect(await address({})).toBe('http://127.0.0.1:7701/healthz');
    expect(await address({ socket: '/run/app.sock' })).toBe('http://127.0.0.1:7701/healthz at /run/app.sock');
    expect(await address({ url: 'grpc://[::1]:7700/app' })).toBe('grpc://[::1]:7700/app');
    expect(await address({ exec: ['/usr/bin/check', '--now'] })).toBe('/usr/bin/check --now');
  });
});
