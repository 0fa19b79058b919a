import { STARTS_BESIDE } from '../sockets/check-socket-name.ts';

/** The variable by which members of a workload's group are recognised once its leader has gone. */
export const LAUNCH_ID_VARIABLE = 'CORESDK_LAUNCH_ID';

/** Where the program is asked how it is, where two versions may run at once: the path of a unix socket. */
export const CHECK_SOCKET_VARIABLE = 'CORESDK_CHECK_SOCKET';

/** `beside` for a version that is started beside another, and should take no clients before it is told (SIGUSR2). */
export const START_VARIABLE = 'CORESDK_START';

/**
 * What belongs to the daemon alone: its talk with systemd and what systemd says of this process (systemd.exec(5)), its channel to a
 * parent, and options of its own runtime. `JOURNAL_STREAM` stays: it is about stderr, which the workload inherits, and says itself
 * when it does not fit.
 */
const PRIVATE =
  /^(NOTIFY_SOCKET|WATCHDOG_(PID|USEC)|LISTEN_(PID|PIDFDID|FDS|FDNAMES)|FDSTORE|(MAIN|MANAGER)PID(FDID)?|INVOCATION_ID|SYSTEMD_EXEC_PID|MEMORY_PRESSURE_(WATCH|WRITE)|NODE_CHANNEL_(FD|SERIALIZATION_MODE)|NODE_OPTIONS|CORESDK_(HELD_SOCKETS|CHECK_SOCKET|START))$/;

/**
 * An environment without what is private to the daemon: for everything that it starts.
 *
 * @param own - the daemon's environment
 */
export function withoutPrivate(own: Readonly<NodeJS.ProcessEnv>): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(own))
    if (value !== undefined && !PRIVATE.test(name)) env[name] = value;
  return env;
}

/**
 * The environment of a workload: the daemon's own without what is private to the daemon, then what is configured for
 * the workload, then the launch id (which nothing overrides).
 *
 * Known limit: dash drops variables whose names are not shell names (such as `a.b`) on its way through the gate.
 *
 * @param own - the daemon's environment
 * @param configured - `workload.env`; may set anything, `NODE_OPTIONS` too
 * @param launchId - names this launch
 * @param socketNames - of the listening sockets that it is given, which nothing overrides either; with none, nothing is said of them.
 * The gate adds `LISTEN_PID`
 * @param overlap - for a workload of which two versions may run at once: its check address, and whether it is the second of them
 */
export function workloadEnv(
  own: Readonly<NodeJS.ProcessEnv>,
  configured: Readonly<Record<string, string>>,
  launchId: string,
  socketNames: readonly string[] = [],
  overlap: { readonly checkSocket: string; readonly beside: boolean } | null = null,
): Record<string, string> {
  const env = {
    ...withoutPrivate(own),
    ...configured,
    [LAUNCH_ID_VARIABLE]: launchId,
    ...(overlap === null ? {} : { [CHECK_SOCKET_VARIABLE]: overlap.checkSocket }),
    ...(overlap?.beside === true ? { [START_VARIABLE]: STARTS_BESIDE } : {}),
  };
  if (socketNames.length === 0) return env;
  return { ...env, LISTEN_FDS: String(socketNames.length), LISTEN_FDNAMES: socketNames.join(':') };
}
