import { describe, expect, it } from 'vitest';
import { UpdateChannel } from '../../src/config/index.ts';
import { UpdateError } from '../../src/errors.ts';

describe('UpdateChannel.fromEnv', () => {
  it.each(['stable', 'edge', 'manual'] as const)('reads %s', (channel) => {
    expect(UpdateChannel.fromEnv({ CORESDK_UPDATE_CHANNEL: channel })).toBe(channel);
    expect(UpdateChannel.parse(channel)).toBe(channel);
  });

  it('is stable where the variable is unset or empty', () => {
    expect(UpdateChannel.fromEnv({})).toBe(UpdateChannel.Stable);
    expect(UpdateChannel.fromEnv({ CORESDK_UPDATE_CHANNEL: '' })).toBe(UpdateChannel.Stable);
  });

  it.each(['Stable', 'beta', ' edge', 'stable\n', 'fromEnv', 'toString'])(
    'refuses %j and names the three',
    (text) => {
      const read = (): unknown => UpdateChannel.fromEnv({ CORESDK_UPDATE_CHANNEL: text });
      expect(read).toThrow(UpdateError);
      expect(read).toThrow(/^CORESDK_UPDATE_CHANNEL: expected one of stable, edge, manual, found /);
    },
  );

  it('reads the process’s own environment unless told', () => {
    const before = process.env['CORESDK_UPDATE_CHANNEL'];
    process.env['CORESDK_UPDATE_CHANNEL'] = 'edge';
    try {
      expect(UpdateChannel.fromEnv()).toBe(UpdateChannel.Edge);
    } finally {
      if (before === undefined) delete process.env['CORESDK_UPDATE_CHANNEL'];
      else process.env['CORESDK_UPDATE_CHANNEL'] = before;
    }
  });

  it('cannot be changed', () => {
    expect(Object.isFrozen(UpdateChannel)).toBe(true);
  });
});
