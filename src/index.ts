/**
 * The public library.
 *
 * @example
 * import { UpdateChannel } from '@coresdk/sidecar-updater';
 * const channel = UpdateChannel.fromEnv(); // reads CORESDK_UPDATE_CHANNEL
 */
export { UpdateChannel } from './config/channel.ts';
export { loadConfig, type Config, type LoadedConfig } from './config/index.ts';
export type {
  AttemptProgress,
  AttemptView,
  ConfigEntry,
  ControlApi,
  ControlEvent,
  DoctorReport,
  ErrorView,
  LogView,
  QuarantineView,
  Status,
  StoredVersionView,
  VersionView,
} from './control/api.ts';
export { createControlClient, type ControlClient, type FollowOptions } from './control/client.ts';
export type { ControlTarget } from './control/target.ts';
export { startDaemon, type Daemon, type DaemonOptions } from './daemon.ts';
export { ERROR_CODES, type CodeInfo, type ErrorCode } from './error-codes.ts';
export { UpdateError, type ErrorRecord } from './errors.ts';
export { updateMachine } from './machines/update.machine.ts';
export type { UpdateContext, UpdateEvent } from './machines/update.types.ts';
export { workloadMachine } from './machines/workload.machine.ts';
export { services } from './services/index.ts';
export type * from './services/ports.ts';
export type { Settings } from './services/settings.ts';
export type * from './types.ts';
