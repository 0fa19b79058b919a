import { describe, expect, it } from 'vitest';
import { withoutPrivate, workloadEnv } from '../../src/adapters/workload-env.ts';

/** What systemd 257 may set for a service (systemd.exec(5), "Environment Variables Set or Propagated"), and Node for its child. */
const PRIVATE = [
  'NOTIFY_SOCKET',
  'WATCHDOG_PID',
  'WATCHDOG_USEC',
  'LISTEN_PID',
  'LISTEN_PIDFDID',
  'LISTEN_FDS',
  'LISTEN_FDNAMES',
  'FDSTORE',
  'MAINPID',
  'MANAGERPID',
  'MANAGERPIDFDID',
  'INVOCATION_ID',
  'SYSTEMD_EXEC_PID',
  'MEMORY_PRESSURE_WATCH',
  'MEMORY_PRESSURE_WRITE',
  'NODE_CHANNEL_FD',
  'NODE_CHANNEL_SERIALIZATION_MODE',
  'NODE_OPTIONS',
];

describe('the environment that is handed down', () => {
  it('is the daemon’s own, without what is private to it', () => {
    const own = { PATH: '/bin', STATE_DIRECTORY: '/var/lib/coresdk', JOURNAL_STREAM: '8:1', LISTEN: 'yes' };
    const leaking = Object.fromEntries(PRIVATE.map((name) => [name, 'x']));
    expect(withoutPrivate({ ...own, ...leaking, GONE: undefined })).toEqual(own);
  });

  it('takes what is configured for the workload over it, and the launch id over everything', () => {
    const configured = { PATH: '/opt/bin', NODE_OPTIONS: '--trace-gc', CORESDK_LAUNCH_ID: 'forged' };
    expect(workloadEnv({ PATH: '/bin', NOTIFY_SOCKET: '/run/n' }, configured, 'id')).toEqual({
      PATH: '/opt/bin',
      NODE_OPTIONS: '--trace-gc',
      CORESDK_LAUNCH_ID: 'id',
    });
  });
});
