import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import { apiText, readPublicApi, type PublicName } from '../scripts/public-api.ts';
import type {
  Channel,
  createUpdater,
  EmbeddedUpdater,
  ErrorCode,
  UpdateChannel,
  UpdaterEvent,
} from '../src/index.ts';
import * as library from '../src/index.ts';

describe('the public surface', () => {
  let names: readonly PublicName[];
  beforeAll(() => {
    names = readPublicApi();
  });

  it('has a docstring on each name', () => {
    expect(names.filter(({ doc }) => doc === '').map(({ name, file }) => `${name} (${file})`)).toEqual([]);
  });

  it('is the one that docs/api.md lists: `npm run api` writes it, and the changelog says what changed', async () => {
    const listed = await readFile(join(import.meta.dirname, '../docs/api.md'), 'utf8');
    expect(apiText(names)).toBe(listed);
  });

  it('has these values; all else are types', () => {
    expect(Object.keys(library).sort()).toEqual([
      'ERROR_CODES',
      'UpdateChannel',
      'UpdateError',
      'createControlClient',
      'createUpdater',
      'loadConfig',
      'resolveConfig',
      'services',
      'startDaemon',
      'updateMachine',
      'workloadMachine',
    ]);
  });
});

describe('its types', () => {
  it('are what an embedder expects', () => {
    expectTypeOf<typeof createUpdater>().returns.resolves.toEqualTypeOf<EmbeddedUpdater>();
    expectTypeOf<UpdateChannel>().toEqualTypeOf<Channel>();
    expectTypeOf<UpdaterEvent<'log'>['line']['code']>().toEqualTypeOf<ErrorCode | null>();
    expectTypeOf<EmbeddedUpdater['start']>().returns.toEqualTypeOf<Promise<void>>();
    expectTypeOf<Parameters<typeof createUpdater>[1]['adapters']>().not.toHaveProperty('reporter');
  });
});
