import { describe, expect, it } from 'vitest';
import { resolveConfig } from '../../src/config/index.ts';
import type { AdapterOptions } from '../../src/daemon/adapter-options.ts';
import { openSockets } from '../../src/daemon/open-workload.ts';
import { refusal } from '../fixtures/refusal.ts';

const options = (workload: object): AdapterOptions =>
  ({ config: resolveConfig({ workload }, { env: {} }).config }) as AdapterOptions;

const loud = (error: Error): never => {
  throw error;
};

describe('the listening sockets of a daemon', () => {
  it('are wanted where two versions are to overlap: neither may bind the address itself', async () => {
    expect(await refusal(openSockets(options({ swap: 'overlap' }), loud))).toBe('CONFIG_INVALID');
  });

  it.each([{ swap: 'overlap', listen: ['tcp://127.0.0.1:1'] }, {}])(
    'are not missed with %j',
    async (workload) => {
      const sockets = await openSockets(options(workload), loud);
      sockets.close();
    },
  );
});
