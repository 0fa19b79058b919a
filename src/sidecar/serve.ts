import { UpdateError } from '../errors.ts';
import { STARTS_BESIDE } from '../sockets/check-socket-name.ts';
import { hostAndPort, parseAddress } from './address.ts';
import { portsOf } from './given-sockets.ts';
import { startSidecar, type Sidecar } from './sidecar.ts';

const DEFAULT_HTTP = '127.0.0.1:7701';
const DEFAULT_GRPC = '127.0.0.1:7700';
/** The value of `CORESDK_GRPC_ADDR` that switches the port off. */
const NO_PORT = 'none';
/** What is in flight may take no longer. */
const LINGER_MAX_MS = 5_000;

/** What {@link runServe} needs. */
export interface ServeOptions {
  /**
   * `CORESDK_HTTP_ADDR` (127.0.0.1:7701), `CORESDK_GRPC_ADDR` (127.0.0.1:7700, `none` for no such port), `CORESDK_TENANT`,
   * `CORESDK_LINGER_MS` (`SidecarOptions.lingerMs`), and `LISTEN_FDS` with what belongs to it, which is taken out.
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

function parseLinger(value: string | undefined): number | null {
  if (value === undefined) return null;
  const ms = /^\d{1,4}$/.test(value) ? Number(value) : Number.NaN;
  if (ms <= LINGER_MAX_MS) return ms;
  throw new UpdateError(
    'CONFIG_INVALID',
    `expected CORESDK_LINGER_MS to be 0 to ${String(LINGER_MAX_MS)} milliseconds, found ${JSON.stringify(value)}`,
  );
}

/** Resolves when SIGUSR2 says that this version may take clients; rejects where it is stopped before. */
function promotion(stop: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const letGo = (): void => {
      process.off('SIGUSR2', promoted);
      stop.removeEventListener('abort', stopped);
    };
    const promoted = (): void => {
      letGo();
      resolve();
    };
    const stopped = (): void => {
      letGo();
      reject(new UpdateError('CANCELLED', 'stopped before it took clients'));
    };
    process.on('SIGUSR2', promoted);
    stop.addEventListener('abort', stopped);
    if (stop.aborted) stopped();
  });
}

async function started(
  { env, version }: ServeOptions,
  stop: AbortSignal,
  log: (line: string) => void,
): Promise<Sidecar> {
  const http = parseAddress('CORESDK_HTTP_ADDR', env['CORESDK_HTTP_ADDR'] ?? DEFAULT_HTTP);
  const named = env['CORESDK_GRPC_ADDR'] ?? DEFAULT_GRPC;
  const grpc = named === NO_PORT ? null : parseAddress('CORESDK_GRPC_ADDR', named);
  const ports = await portsOf(env, { http, grpc }, log);
  const lingerMs = parseLinger(env['CORESDK_LINGER_MS']);
  // The handler is there before anybody can ask at the check address, as the daemon expects.
  const waits = ports.check !== null && env['CORESDK_START'] === STARTS_BESIDE;
  if (waits) log('runs beside another version; takes no clients before SIGUSR2');
  return startSidecar({
    ...ports,
    ...(lingerMs !== null && { lingerMs }),
    version,
    tenant: env['CORESDK_TENANT'],
    log,
    ...(waits ? { promoted: promotion(stop) } : {}),
  });
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
    sidecar = await started(options, stop, log);
  } catch (error) {
    const fault = UpdateError.from(error);
    log(fault.message);
    if (fault.code === 'CANCELLED') return 0;
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
