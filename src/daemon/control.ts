import type { Config } from '../config/index.ts';
import type { ControlApi } from '../control/api.ts';
import { startControlServer, type ControlServer, type ControlServerOptions } from '../control/server.ts';
import type { Embedded } from '../embedded.ts';
import type { TeedLogger } from './log-tee.ts';

/** What {@link openControl} needs. */
export interface ControlOptions {
  readonly config: Config;
  readonly embedded: Embedded;
  readonly logger: TeedLogger;
  readonly api: ControlApi;
  /** The live page, asked for when there is a TCP listener; there is none without it. */
  readonly pages?: () => Promise<NonNullable<ControlServerOptions['pages']>>;
  /** Answers `GET /metrics`; there are none without it. */
  readonly metrics?: NonNullable<ControlServerOptions['metrics']>;
}

/**
 * Starts the control API as the configuration says: on its socket and, where that is asked for, on TCP.
 *
 * @throws UpdateError `CONFIG_INVALID`, `ALREADY_RUNNING`
 */
export async function openControl({
  config,
  embedded,
  logger,
  api,
  metrics,
  pages,
}: ControlOptions): Promise<ControlServer> {
  const { socket, group, http, tokenFile, hosts } = config.control;
  const control = await startControlServer({
    api,
    socket,
    group,
    tcp: http === null || tokenFile === null ? null : { address: http, tokenFile, hosts },
    pages: http === null || pages === undefined ? null : await pages(),
    ...(metrics === undefined ? {} : { metrics }),
    version: embedded.version,
    onFault: (error) => {
      logger.error({ err: error }, 'a request to the control API failed by a bug');
    },
    onWarning: (message) => {
      logger.warn(message);
    },
  });
  if (control.url !== null)
    logger.info(`the control API${pages === undefined ? ' is' : ' and the live page are'} at ${control.url}`);
  return control;
}
