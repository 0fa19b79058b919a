import { UpdateError, hasErrno } from '../errors.ts';
import { startSidecar, type Sidecar } from './sidecar.ts';

const DEFAULT_HTTP = '127.0.0.1:7701';

/** Where the service listens; no host means every address of this machine. */
export interface ListenAddress {
  readonly host: string | undefined;
  readonly port: number;
}

/**
 * Reads `host:port`, `[v6]:port` or `:port`.
 *
 * @param name - the variable that it comes from, for the message
 * @throws UpdateError `CONFIG_INVALID` for anything else
 * @example
 * parseAddress('CORESDK_HTTP_ADDR', ':7701'); // { host: undefined, port: 7701 }
 */
export function parseAddress(name: string, value: string): ListenAddress {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]*)):(\d{1,5})$/.exec(value);
  const port = Number(match?.[3] ?? Number.NaN);
  if (match === null || !(port <= 65_535))
    throw new UpdateError(
      'CONFIG_INVALID',
      `expected ${name} to be host:port or :port with a port up to 65535, found ${JSON.stringify(value)}`,
    );
  const host = match[1] ?? match[2] ?? '';
  return { host: host === '' ? undefined : host, port };
}

/** What {@link runServe} needs. */
export interface ServeOptions {
  /** `CORESDK_HTTP_ADDR` (127.0.0.1:7701) and `CORESDK_TENANT` are read from it. */
  readonly env: Readonly<NodeJS.ProcessEnv>;
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

function listenFault(error: unknown, { host, port }: ListenAddress): UpdateError {
  const where = `${host ?? '*'}:${String(port)}`;
  if (hasErrno(error, 'EADDRINUSE'))
    return new UpdateError('CONFIG_INVALID', `expected ${where} to be free, found that it is in use`, {
      cause: error,
    });
  return UpdateError.from(error, 'CONFIG_INVALID', `cannot listen on ${where}`);
}

async function started(options: ServeOptions, log: (line: string) => void): Promise<Sidecar> {
  const address = parseAddress('CORESDK_HTTP_ADDR', options.env['CORESDK_HTTP_ADDR'] ?? DEFAULT_HTTP);
  try {
    return await startSidecar({
      http: address,
      version: options.version,
      tenant: options.env['CORESDK_TENANT'],
      log,
    });
  } catch (error) {
    throw listenFault(error, address);
  }
}

/**
 * The role `serve`: runs the built-in sidecar service until SIGTERM or SIGINT, then lets requests in flight finish.
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
  const { address, family, port } = sidecar.address;
  log(
    `version ${options.version} listens on http://${family === 'IPv6' ? `[${address}]` : address}:${String(port)}`,
  );
  if (!stop.aborted)
    await new Promise<void>((resolve) => {
      stop.addEventListener('abort', () => {
        resolve();
      });
    });
  await sidecar.close();
  return 0;
}
