/** A configuration that no file satisfies: a daemon with it fails its self-test, as it would fail its start. */
import type { LoadedConfig } from '../../../src/config/load.ts';
import { UpdateError } from '../../../src/errors.ts';

export type { ConfigSource, LoadedConfig } from '../../../src/config/load.ts';

const refused = (): never => {
  throw new UpdateError('CONFIG_INVALID', 'expected the key `region`, found none');
};
export const loadConfig = (): Promise<LoadedConfig> => Promise.resolve().then(refused);
export const resolveConfig = (): LoadedConfig => refused();
