/** The daemons of the test: good ones, and each that is bad in a way of its own. They are built, from the real sources. */
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type Form } from '../build.ts';
import { must } from '../systemd-test/command.ts';

const SOURCES = join(import.meta.dirname, 'daemons');
const TIMES = 'src/daemon/hand-over-times.ts';
const RUN = 'src/daemon/run.ts';

/** How a daemon behaves: module → what replaces it. */
const BEHAVIOURS = {
  good: { [TIMES]: 'times.ts' },
  crashes: { [RUN]: 'crashes.ts' },
  hangs: { [RUN]: 'hangs.ts' },
  misreads: { [RUN]: 'misreads.ts' },
  stricter: { 'src/config/load.ts': 'stricter.ts', [TIMES]: 'times.ts' },
  dies: { [TIMES]: 'dies.ts' },
  deaf: { 'src/daemon/control.ts': 'deaf.ts', [TIMES]: 'times.ts' },
  slowTest: { [TIMES]: 'times.ts', 'src/adapters/journal-header.ts': 'slow-test.ts' },
  slowStart: { [TIMES]: 'slow-start.ts' },
} as const satisfies Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The name of a behaviour. */
export type DaemonKind = keyof typeof BEHAVIOURS;

/** Which daemon is to be built. */
export interface DaemonRequest {
  readonly out: string;
  readonly version: string;
  readonly trust: string;
  readonly feedUrl?: string;
  readonly form?: Form;
}

/**
 * Builds a daemon.
 *
 * @returns the path of its program
 */
export async function buildDaemon(kind: DaemonKind, request: DaemonRequest): Promise<string> {
  const replace = Object.fromEntries(
    Object.entries(BEHAVIOURS[kind]).map(([module, file]) => [module, join(SOURCES, file)]),
  );
  const { program } = await build({ form: 'script', builtFrom: 0, commit: 'test', ...request, replace });
  return program;
}

/**
 * Builds a daemon of a later schema: another layout of the journal that today's can still read, a table and a column more, and a
 * state that today's does not know.
 *
 * @param folder - for the sources that differ
 */
export async function buildNewer(folder: string, request: DaemonRequest): Promise<string> {
  const adapters = join(import.meta.dirname, '../../src/adapters');
  const replace: Record<string, string> = { [TIMES]: join(SOURCES, 'times.ts') };
  await symlink(join(import.meta.dirname, '../../node_modules'), join(folder, 'node_modules'));
  const change = async (name: string, ...changes: readonly (readonly [string, string])[]): Promise<void> => {
    let text = await readFile(join(adapters, name), 'utf8');
    for (const [from, to] of changes) {
      if (!text.includes(from)) throw new Error(`expected ${JSON.stringify(from)} in ${name}, found none`);
      text = text.replace(from, to);
    }
    // The modules beside it are still those of the sources.
    text = text.replaceAll(/from '(\.\.?\/[^']+)'/g, (_, path: string) => `from '${join(adapters, path)}'`);
    replace[`src/adapters/${name}`] = join(folder, name);
    await writeFile(join(folder, name), text);
  };
  await change(
    'journal-schema.ts',
    ['JOURNAL_VERSION = 1', 'JOURNAL_VERSION = 2003'],
    ['READER = 2', 'READER = 3'],
    ['reason TEXT NOT NULL,', 'reason TEXT NOT NULL, region TEXT,'],
    ['CREATE TABLE seen', 'CREATE TABLE regions (name TEXT NOT NULL) STRICT; CREATE TABLE seen'],
    ["'recovering', 'idle',", "'recovering', 'idle', 'dreaming' as 'idle',"],
  );
  await change('first-words.ts', [
    "overlapping: 'swapping'",
    "downloading: 'dreaming' as 'idle', overlapping: 'swapping'",
  ]);
  const { program } = await build({ form: 'script', builtFrom: 0, commit: 'test', ...request, replace });
  return program;
}

/** The last commit whose daemons could not update themselves, and whose readers know one schema only. */
const FIRST = 'fcc0eba4f3bd4e1df5f330888eb8a358b668c5bd';

/**
 * Builds the daemon of that commit, by its own build script.
 *
 * @returns null where the repository does not have the commit, as in a shallow clone
 */
export async function buildFirst(folder: string, request: DaemonRequest): Promise<string | null> {
  const repository = join(import.meta.dirname, '../..');
  try {
    await must('sh', [
      '-euc',
      `cd '${repository}' && git cat-file -e ${FIRST} && git archive ${FIRST} | tar x -C '${folder}'`,
    ]);
  } catch {
    return null;
  }
  await must('ln', ['-s', join(repository, 'node_modules'), join(folder, 'node_modules')]);
  await must(process.execPath, [
    join(folder, 'scripts/build.ts'),
    '--trust',
    request.trust,
    '--out',
    request.out,
    '--version',
    request.version,
  ]);
  return join(request.out, 'coresdk-sidecar');
}
