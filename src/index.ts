/**
 * The public library: the updater for programs that embed it, and the parts that it is made of.
 *
 * @example
 * import { createUpdater, UpdateChannel } from '@coresdk/sidecar-updater';
 * const updater = await createUpdater(
 *   { update: { channel: UpdateChannel.fromEnv() }, workload: { binary: '/opt/app/run' } },
 *   { trust, version: '1.0.0' },
 * );
 * await updater.start();
 */
export {
  createUpdater,
  type Adapters,
  type CreateUpdaterOptions,
  type EmbeddedUpdater,
  type UpdaterEvent,
  type UpdaterEventKind,
  type UpdaterLogger,
} from './create-updater.ts';
export type { TrustFile, TrustKey, TrustSet } from './bundle/trust.ts';
export type { Manifest } from './bundle/manifest.ts';
export {
  loadConfig,
  resolveConfig,
  UpdateChannel,
  type Config,
  type ConfigFile,
  type ConfigSource,
  type LoadedConfig,
} from './config/index.ts';
export type * from './control/api.ts';
export { createControlClient, type ControlClient, type FollowOptions } from './control/client.ts';
export type { ControlTarget } from './control/target.ts';
export { startDaemon, type Daemon, type DaemonOptions } from './daemon.ts';
export type { StopReason } from './updater.ts';
export type { MetricsText } from './daemon/metrics.ts';
export type { Embedded } from './embedded.ts';
export { ERROR_CODES, type CodeInfo, type ErrorCode } from './error-codes.ts';
export { UpdateError, type ErrorRecord, type RetryHint, type UpdateErrorOptions } from './errors.ts';
export { updateMachine } from './machines/update.machine.ts';
export type { UpdateContext, UpdateEvent } from './machines/update.types.ts';
export { workloadMachine } from './machines/workload.machine.ts';
export { services, type StepEvent, type StepObserver } from './services/index.ts';
export type * from './services/ports.ts';
export type { Settings } from './services/settings.ts';
export type { StepName, Steps } from './steps.ts';
export type * from './types.ts';
