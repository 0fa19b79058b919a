/**
 * A control group of its own for the container, so that two runs do not meet, and so that whatever is left of it can be found and ended.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The hierarchies in which systemd keeps its units: cgroup2, and on older hosts `name=systemd`. */
async function hierarchies(): Promise<string[]> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n').map((line) => line.split(' '));
  return mounts
    .filter(
      ([, , type, options = '']) =>
        type === 'cgroup2' || (type === 'cgroup' && options.includes('name=systemd')),
    )
    .map(([, place = '']) => place);
}

/** A group in each hierarchy. */
export interface ControlGroup {
  /** Files to which a process writes its pid to join. */
  readonly doors: readonly string[];
  /** Ends every process in it, and removes it. */
  end(): Promise<void>;
}

async function groupsBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const below = entries.filter((it) => it.isDirectory()).map((it) => join(it.parentPath, it.name));
  // The deepest first: a group is removed when it has none below it.
  return [...below.sort((a, b) => b.length - a.length), folder];
}

async function killAll(group: string): Promise<void> {
  for (const pid of (await readFile(join(group, 'cgroup.procs'), 'utf8')).split('\n').filter(Boolean)) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
}

async function remove(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  for (let turn = 0; turn < 100; turn += 1) {
    try {
      for (const group of await groupsBelow(folder)) {
        await killAll(group);
        await rmdir(group);
      }
      return;
    } catch {
      // A process takes a moment to end; its group is busy until then.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error(`the control group ${folder} could not be removed`);
}

/**
 * Makes the group.
 *
 * @throws where control groups cannot be made: no cgroup file system, or one that is read-only
 */
export async function makeControlGroup(name: string): Promise<ControlGroup> {
  const places = await hierarchies();
  if (places.length === 0) throw new Error('no cgroup file system is mounted');
  const folders = places.map((place) => join(place, name));
  const end = async (): Promise<void> => {
    for (const folder of folders) await remove(folder);
  };
  try {
    for (const folder of folders) await mkdir(folder);
    for (const folder of folders) await writeFile(join(folder, 'cgroup.procs'), '');
  } catch (error) {
    await end();
    throw error;
  }
  return { doors: folders.map((folder) => join(folder, 'cgroup.procs')), end };
}
