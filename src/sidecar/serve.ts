import { UpdateError } from '../errors.ts';
import { hostAndPort, parseAddress } from './address.ts';
import { portsOf } from './given-sockets.ts';
import { startSidecar, type Sidecar } from './sidecar.ts';

const DEFAULT_HTTP = '127.0.0.1:7701';
const DEFAULT_GRPC = '127.0.0.1:7700';
/** The value of `CORESDK_GRPC_ADDR` that switches the port off. */
const NO_PORT = 'none';

/** What {@link runServe} needs. */
export interface ServeOptions {
  /**
   * `CORESDK_HTTP_ADDR` (127.0.0.1:7701), `CORESDK_GRPC_ADDR` (127.0.0.1:7700, `none` for no such port), `CORESDK_TENANT`, and `LISTEN_FDS`
   * with what belongs to it, which is taken out.
   */
  readonly env: NodeJS.ProcessEnv;
  readonly version: string;
  /** Gets one line a message, with its line end. */
  readonly stderr: { write(text: string): unknown };
  /** Stops the service; SIGTERM and SIGINT of this process unless told. */
  readonly stop?: AbortSignal;
}

function signalled(): AbortSignal {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    // A second signal ends the process at once, as it does by default.
    process.off('SIGTERM', onSignal).off('SIGINT', onSignal);
    controller.abort(name);
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  return controller.signal;
}

async function started({ env, version }: ServeOptions, log: (line: string) => void): Promise<Sidecar> {
  const http = parseAddress('CORESDK_HTTP_ADDR', env['CORESDK_HTTP_ADDR'] ?? DEFAULT_HTTP);
  const named = env['CORESDK_GRPC_ADDR'] ?? DEFAULT_GRPC;
  const grpc = named === NO_PORT ? null : parseAddress('CORESDK_GRPC_ADDR', named);
  const ports = await portsOf(env, { http, grpc }, log);
  return startSidecar({ ...ports, version, tenant: env['CORESDK_TENANT'], log });
}

/**
 * The role `serve`: runs the built-in sidecar service until SIGTERM or SIGINT, then lets requests in flight finish:
 * it says of itself that it is not healthy, and accepts nothing new.
 *
 * @returns the exit code: 0 after a clean stop, 2 for an address that is not one, 1 for one that cannot be used
 * @example
 * process.exitCode = await runServe({ env: process.env, version: embedded.version, stderr: process.stderr });
 */
export async function runServe(options: ServeOptions): Promise<number> {
  const log = (line: string): void => {
    options.stderr.write(`coresdk-sidecar serve: ${line}\n`);
  };
  const stop = options.stop ?? signalled();
  let sidecar: Sidecar;
  try {
    sidecar = await started(options, log);
  } catch (error) {
    const fault = UpdateError.from(error);
    log(fault.message);
    return fault.cause === undefined ? fault.info.exit : 1;
  }
  const ports = [
    `http://${hostAndPort(sidecar.address)}`,
    ...(sidecar.grpcAddress === null ? [] : [`grpc://${hostAndPort(sidecar.grpcAddress)}`]),
  ];
  log(`version ${options.version} listens on ${ports.join(' and ')}`);
  if (!stop.aborted)
    await new Promise<void>((resolve) => {
      stop.addEventListener('abort', () => {
        resolve();
      });
    });
  await sidecar.close();
  return 0;
}
