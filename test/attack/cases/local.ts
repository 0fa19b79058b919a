/** Attacks by other users and programs on the same host. */
import { chmod, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ErrorCode } from '../../../src/error-codes.ts';
import type { Host } from '../../e2e/support/host.ts';
import type { AttackRow, Defence } from '../support/attack.ts';

/** What keeps a daemon from starting. */
export interface StartAttack extends AttackRow {
  readonly prepare: (host: Host) => Promise<void>;
  /** Part of the reason that the daemon gives. */
  readonly says: string;
  readonly exit: 1 | 2;
  /** Cannot be prepared but by root. */
  readonly asRoot?: true;
}

const start = (
  name: string,
  code: ErrorCode,
  defence: Defence,
  says: string,
  prepare: StartAttack['prepare'],
): StartAttack => ({ name, code, defence, says, prepare, exit: code.startsWith('CONFIG') ? 2 : 1 });

const state = (name: string, says: string, prepare: StartAttack['prepare']): StartAttack =>
  start(name, 'STATE_DIR_UNUSABLE', 'state', says, prepare);

const replaceByLink =
  (folder: string) =>
  async (host: Host): Promise<void> => {
    await mkdir(host.stateDir, { mode: 0o700 });
    await mkdir(join(host.root, 'elsewhere'), { mode: 0o700 });
    await symlink(join(host.root, 'elsewhere'), join(host.stateDir, folder));
  };

const config = (name: string, code: ErrorCode, says: string, change: (text: string) => string): StartAttack =>
  start(name, code, 'config', says, async (host) => {
    await writeFile(host.configFile, change(await readFile(host.configFile, 'utf8')));
  });

/** Every attack that must keep the daemon from starting. */
export const START_ATTACKS: readonly StartAttack[] = [
  state('a state directory that is a symbolic link', 'symbolic link', async (host) => {
    await mkdir(join(host.root, 'elsewhere'), { mode: 0o700 });
    await symlink(join(host.root, 'elsewhere'), host.stateDir);
  }),
  state('a state directory that everybody can write', '0777', async (host) => {
    await mkdir(host.stateDir);
    await chmod(host.stateDir, 0o777);
  }),
  state('a state directory that its group can write', '0770', async (host) => {
    await mkdir(host.stateDir);
    await chmod(host.stateDir, 0o770);
  }),
  state('a state directory that is a file', 'found a file', (host) => writeFile(host.stateDir, '')),
  ...(['downloads', 'versions', 'heads', 'quarantine'] as const).map((folder) =>
    state(`a symbolic link in the place of ${folder}/`, 'symbolic link', replaceByLink(folder)),
  ),
  state('versions/ that everybody can write', '0777', async (host) => {
    await mkdir(join(host.stateDir, 'versions'), { recursive: true, mode: 0o700 });
    await chmod(join(host.stateDir, 'versions'), 0o777);
  }),
  {
    ...state('a state directory of another user', 'uid 65534', async (host) => {
      await mkdir(host.stateDir, { mode: 0o700 });
      const { chown } = await import('node:fs/promises');
      await chown(host.stateDir, 65534, 65534);
    }),
    asRoot: true,
  },
  start('a configuration that everybody can write', 'CONFIG_UNREADABLE', 'config', 'chmod o-w', (host) =>
    chmod(host.configFile, 0o646),
  ),
  start('a configuration that is a folder', 'CONFIG_UNREADABLE', 'config', 'regular file', async (host) => {
    await rename(host.configFile, `${host.configFile}.old`);
    await mkdir(host.configFile);
  }),
  start(
    'a configuration that is a link to an endless device',
    'CONFIG_UNREADABLE',
    'config',
    'regular file',
    async (host) => {
      await rm(host.configFile);
      await symlink('/dev/zero', host.configFile);
    },
  ),
  config('a key in the configuration', 'CONFIG_INVALID', 'trust', (text) => `${text}trust: { keys: [] }\n`),
  config('a trust file in the configuration', 'CONFIG_INVALID', 'trust_file', (text) =>
    text.replace('update:\n', 'update:\n  trust_file: /tmp/trust.json\n'),
  ),
  config('a switch for verification in the configuration', 'CONFIG_INVALID', 'insecure', (text) =>
    text.replace('update:\n', 'update:\n  insecure: true\n'),
  ),
  config('a feed with a password in the configuration', 'CONFIG_INVALID', 'feed_url', (text) =>
    text.replace('http://127', 'http://user:password@127'),
  ),
  config('the same key twice in the configuration', 'CONFIG_UNREADABLE', 'unique', (text) =>
    text.replace('update:\n', 'update:\n  channel: edge\n  channel: stable\n'),
  ),
  start(
    'a file in the place of the control socket',
    'CONFIG_INVALID',
    'socket',
    'control.socket',
    async (host) => {
      await mkdir(host.stateDir, { mode: 0o700 });
      await writeFile(join(host.stateDir, 'control.sock'), 'precious');
    },
  ),
];

/** A bundle file that is none. */
export interface FileAttack extends AttackRow {
  /** Prepares below a folder, and returns the path that the operator is talked into. */
  readonly path: (folder: string) => Promise<string>;
}

const file = (name: string, path: FileAttack['path']): FileAttack => ({
  name,
  code: 'BUNDLE_NOT_FOUND',
  defence: 'file',
  path,
});

/** Paths that an operator may be talked into. */
export const FILE_ATTACKS: readonly FileAttack[] = [
  file('an endless device as bundle', () => Promise.resolve('/dev/zero')),
  file('a folder as bundle', (folder) => Promise.resolve(folder)),
  file('a link to an endless device as bundle', async (folder) => {
    await symlink('/dev/zero', join(folder, 'link.jws'));
    return join(folder, 'link.jws');
  }),
  file('a named pipe as bundle', async (folder) => {
    const { execFileSync } = await import('node:child_process');
    execFileSync('mkfifo', [join(folder, 'pipe.jws')]);
    return join(folder, 'pipe.jws');
  }),
  file('a link that leads nowhere as bundle', async (folder) => {
    await symlink('/nonexistent/x.jws', join(folder, 'nowhere.jws'));
    return join(folder, 'nowhere.jws');
  }),
];

/** Somebody with the daemon's own rights writes while an update is in a state. */
export interface TamperAttack extends AttackRow {
  readonly state: string;
  /** Whether the workload was stopped meanwhile, so that it has another pid afterwards. */
  readonly restarts: boolean;
}

const tamper = (when: string, stateName: string, code: ErrorCode, restarts = false): TamperAttack => ({
  name: `a writer with the daemon’s own rights ${when}`,
  code,
  defence: 'again',
  state: stateName,
  restarts,
});

/** Every moment at which somebody writes. */
export const TAMPER_ATTACKS: readonly TamperAttack[] = [
  tamper('between download and verification', 'verifying', 'JWS_MALFORMED'),
  tamper('between verification and staging', 'staging', 'BUNDLE_CHANGED'),
  tamper('between staging and the gate', 'waiting', 'VERSION_DAMAGED'),
  tamper('between the gate and the start', 'swapping', 'VERSION_DAMAGED', true),
];

/** What another user of the host tries during a whole update; none of it may work, and the update must. */
export const OTHER_USER_ATTACKS: readonly AttackRow[] = [
  {
    name: 'another user writes into downloads/ and versions/ during an update',
    code: 'STATE_DIR_UNUSABLE',
    defence: 'state',
  },
  { name: 'another user talks to the control socket', code: 'DAEMON_UNREACHABLE', defence: 'socket' },
];
