import { describe, expect, it } from 'vitest';
import { isDirect, parseProxy, proxyFor } from '../../src/adapters/proxy.ts';

describe('NO_PROXY', () => {
  it.each([
    ['*', 'https://a.example/'],
    ['a.example', 'https://a.example/'],
    ['A.Example.', 'https://a.example/'],
    ['example', 'https://a.example/'],
    ['.example', 'https://a.example/'],
    ['*.example', 'https://a.example/'],
    ['x, a.example:443 y', 'https://a.example/'],
    ['a.example:8443', 'https://a.example:8443/'],
    ['a.example:80', 'http://a.example/'],
    ['127.0.0.1', 'http://127.0.0.1:8080/'],
    ['127.0.0.1:8080', 'http://127.0.0.1:8080/'],
    ['10.0.0.0/8', 'https://10.1.2.3/'],
    ['::1', 'https://[::1]/'],
    ['[::1]', 'https://[::1]/'],
    ['[::1]:443', 'https://[::1]/'],
    ['fd00::/8', 'https://[fd12::1]/'],
  ])('%j covers %s', (none, url) => {
    expect(isDirect(new URL(url), none)).toBe(true);
  });

  it.each([
    ['', 'https://a.example/'],
    [' , ', 'https://a.example/'],
    ['b.example', 'https://a.example/'],
    ['ample', 'https://a.example/'],
    ['a.example:8443', 'https://a.example/'],
    ['sub.a.example', 'https://a.example/'],
    ['0.0.1', 'https://127.0.0.1/'],
    ['10.0.0.0/8', 'https://11.1.2.3/'],
    ['10.0.0.0/8', 'https://a.example/'],
    ['10.0.0.0/99', 'https://10.0.0.0/'],
    ['example/8', 'https://a.example/'],
    ['[::1]:80', 'https://[::1]/'],
  ])('%j does not cover %s', (none, url) => {
    expect(isDirect(new URL(url), none)).toBe(false);
  });
});

describe('the proxy', () => {
  const http = { url: 'http://p:1', from: 'HTTP_PROXY' };
  const https = { url: 'q:2', from: 'HTTPS_PROXY' };

  it('is chosen by the scheme of what is asked for', () => {
    const of = (url: string, none = ''): string | undefined =>
      proxyFor(new URL(url), { http, https, none })?.href;
    expect(of('http://a.example/')).toBe('http://p:1/');
    expect(of('https://a.example/')).toBe('http://q:2/');
    expect(of('https://a.example/', 'a.example')).toBeUndefined();
    expect(proxyFor(new URL('https://a.example/'), { http, https: null, none: '' })).toBeNull();
  });

  it.each(['', 'socks5://p', 'http://', 'http://p/path', 'http://p/?x', 'http://%zz@p', 'http://p:99999'])(
    'is not %j',
    (url) => {
      expect(() => parseProxy({ url, from: 'HTTPS_PROXY' })).toThrow(
        expect.objectContaining({
          code: 'CONFIG_INVALID',
          message: expect.stringMatching(/^HTTPS_PROXY: /) as string,
        }),
      );
    },
  );

  it('is never shown with its password', () => {
    for (const url of ['socks5://us:hun@ter2@p', 'us:hunter2@p/x', 'http://us:hunter2@p/x'])
      expect(() => parseProxy({ url, from: 'http.proxy' })).not.toThrow(/hun|ter2|us:/);
  });
});
