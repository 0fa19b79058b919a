import { describe, expect, it } from 'vitest';
import { fleetHostId } from '../../src/adapters/fleet-host-id.ts';

describe('the name of a host in its fleet', () => {
  it('is what systemd makes of the machine id for this program', () => {
    // `systemd-id128 machine-id --app-specific=9eca3ed7ef0ce9b79708534319f657db`, on a machine with this id.
    expect(fleetHostId('3d1219c7c4c5404aaa1f6d2a48adfda4')).toBe('2f12e9b2461a431581802e7f98409576');
  });

  it('does not show the machine id, and is another one on another machine', () => {
    const one = fleetHostId('0123456789abcdef0123456789abcdef');
    expect(one).toMatch(/^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
    expect(one).not.toBe(fleetHostId('0123456789abcdef0123456789abcdee'));
  });
});
