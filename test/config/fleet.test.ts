import { describe, expect, it } from 'vitest';
import { resolveConfig, type ConfigFile } from '../../src/config/index.ts';

const read = (settings: unknown) => resolveConfig(settings as ConfigFile, { env: {} }).config;

describe('fleet.nats', () => {
  it('is one server or several', () => {
    expect(read({ fleet: { nats: { url: 'nats://a:4222' } } }).fleet.nats?.urls).toEqual(['nats://a:4222']);
    const url = ['tls://a.example.com:4222', 'nats://[::1]:4222'];
    expect(read({ fleet: { nats: { url } } }).fleet.nats?.urls).toEqual(url);
  });

  it.each([
    'http://a:4222',
    'ws://a:4222',
    'tls://user:secret@a:4222',
    'nats://a:4222/path',
    'nats://a:4222?x=1',
    'a:4222',
    [],
  ])('refuses %s', (url) => {
    expect(() => read({ fleet: { nats: { url } } })).toThrow(/fleet\.nats/);
  });

  it('is needed where it gives the places, and a certificate needs its key', () => {
    expect(() => read({ update: { gate: 'nats' } })).toThrow(/fleet\.nats: expected a map with url beside/);
    expect(() => read({ fleet: { nats: { url: 'tls://a:1', cert_file: '/c' } } })).toThrow(/together/);
  });
});
