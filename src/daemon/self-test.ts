/**
 * `coresdk-sidecar self-test`: whether this program could be the daemon of this host. The old daemon runs the new one's before it gives
 * way; an operator may run it before a restart.
 *
 * Invariants:
 * - It takes no lock, listens nowhere, asks no network, and writes nothing.
 * - What fails it is what would keep this program from starting; what would be as wrong with any other program is a warning.
 */
import { access, constants } from 'node:fs/promises';
import { nodeDisk } from '../adapters/disk.ts';
import { readDaemonRecord } from '../adapters/daemon-record.ts';
import { hookPrograms } from '../adapters/hooks.ts';
import { readJournalHeader } from '../adapters/journal-header.ts';
import { canRead, JOURNAL_APPLICATION_ID, JOURNAL_VERSION } from '../adapters/journal-schema.ts';
import { createProbe } from '../adapters/probe.ts';
import { statePaths, type StatePaths } from '../adapters/state-dir.ts';
import { openTlsFiles } from '../adapters/tls-files.ts';
import { whyUntrusted } from '../adapters/trusted-program.ts';
import { openVersionStore } from '../adapters/version-store.ts';
import { complain } from '../complain.ts';
import { loadConfig, superviseOnlyFolder } from '../config/index.ts';
import type { Embedded } from '../embedded.ts';
import { hasErrno, UpdateError } from '../errors.ts';
import { baselineOf } from './adapter-options.ts';
import { describeHost } from './host.ts';

/** What {@link selfTest} needs. */
export interface SelfTestOptions {
  readonly configPath: string | undefined;
  readonly program: string;
  readonly embedded: Embedded;
}

/** A journal of another layout would be moved aside, and the history with it. */
async function requireJournal({ stateDb }: StatePaths): Promise<void> {
  const header = await readJournalHeader(nodeDisk, stateDb);
  if (header === null || header.applicationId === 0) return;
  const { applicationId, userVersion } = header;
  if (applicationId !== JOURNAL_APPLICATION_ID || !canRead(userVersion))
    throw new UpdateError(
      'STATE_DIR_UNUSABLE',
      `expected a journal of layout ${String(JOURNAL_VERSION)}, or one that its readers can read, in ${stateDb}, found layout ${String(userVersion)} of application ${String(applicationId)}`,
    );
}

async function requireStateDir(
  options: SelfTestOptions,
  paths: StatePaths,
  config: Parameters<typeof baselineOf>[0]['config'],
): Promise<void> {
  try {
    await access(paths.root, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    // The first start makes it.
    if (hasErrno(error, 'ENOENT')) return;
    throw UpdateError.from(error, 'STATE_DIR_UNUSABLE', `cannot use the state directory ${paths.root}`);
  }
  const baseline = baselineOf({ ...options, config });
  const store = openVersionStore({ disk: nodeDisk, paths, baseline });
  try {
    await store.list();
  } catch (error) {
    if (!(error instanceof UpdateError && hasErrno(error.cause, 'ENOENT'))) throw error;
  }
  await readDaemonRecord(nodeDisk, paths.daemonRecord);
  await requireJournal(paths);
}

/**
 * Looks whether this program could be the daemon here.
 *
 * @returns warnings, a line each
 * @throws UpdateError the codes of a start: `CONFIG_INVALID`, `CONFIG_UNREADABLE`, `TRUST_SET_INVALID`, `STATE_DIR_UNUSABLE`, …
 */
export async function selfTest(options: SelfTestOptions): Promise<readonly string[]> {
  const { config, warnings } = await loadConfig({ path: options.configPath });
  describeHost(options.embedded);
  await openTlsFiles(config.http);
  await createProbe(config.probe);
  if (superviseOnlyFolder(config) === null)
    await requireStateDir(options, statePaths(config.stateDir), config);
  const said = [...warnings];
  for (const [name, argv] of Object.entries(hookPrograms(config.hooks))) {
    const program = argv?.[0];
    const wrong = program === undefined ? null : await whyUntrusted(program);
    if (wrong !== null) said.push(`hooks.${name} (${program ?? ''}): ${wrong}`);
  }
  return said;
}

/**
 * The role: one line to stdout when all is well, with warnings before it; one to stderr when not.
 *
 * @returns the exit code: 0, or that of the error
 */
export async function runSelfTest(options: SelfTestOptions): Promise<number> {
  try {
    for (const line of await selfTest(options)) process.stdout.write(`warning: ${line}\n`);
    process.stdout.write(`${options.embedded.version} can be the daemon of this host\n`);
    return 0;
  } catch (error) {
    return complain(error);
  }
}
