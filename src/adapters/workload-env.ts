/** The variable by which members of a workload's group are recognised once its leader has gone. */
export const LAUNCH_ID_VARIABLE = 'CORESDK_LAUNCH_ID';

/** What belongs to the daemon alone: its talk with systemd, its channel to a parent, and options of its own runtime. */
const PRIVATE =
  /^(NOTIFY_SOCKET|WATCHDOG_(PID|USEC)|LISTEN_(PID|PIDFDID|FDS|FDNAMES)|NODE_CHANNEL_(FD|SERIALIZATION_MODE)|NODE_OPTIONS)$/;

/** An environment without what belongs to the daemon alone. */
export function publicEnv(own: Readonly<NodeJS.ProcessEnv>): Record<string, string> {
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
 */
export function workloadEnv(
  own: Readonly<NodeJS.ProcessEnv>,
  configured: Readonly<Record<string, string>>,
  launchId: string,
): Record<string, string> {
  return { ...publicEnv(own), ...configured, [LAUNCH_ID_VARIABLE]: launchId };
}
