/** Configuration: what the daemon is told to do, and where each value came from. */
export { CHANNELS, UpdateChannel } from './channel.ts';
export type { Config } from './config.ts';
export { explain, type ConfigEntry } from './explain.ts';
export { hostPlatform } from './host-platform.ts';
export { DEFAULT_CONFIG_PATH } from './defaults.ts';
export { loadConfig, resolveConfig, type ConfigSource, type LoadedConfig } from './load.ts';
export { detectRuntime, type Runtime, type RuntimeFacts, type RuntimeKind } from './runtime.ts';
export { feedUrlSchema, LOG_LEVELS, type ConfigFile } from './schema.ts';
export { stateDirIn } from './state-dir.ts';
export { superviseOnlyFolder } from './supervise-only.ts';
