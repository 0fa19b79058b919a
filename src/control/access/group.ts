/** The group that may use the socket too. */
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UpdateError } from '../../errors.ts';

/** Where groups are listed: group(5). */
const GROUPS = '/etc/group';

/**
 * The number of a group.
 *
 * @param group - its name, or its number
 * @param file - the list of groups, as group(5) describes it
 * @throws UpdateError `CONFIG_INVALID` when there is no such group, or the list cannot be read
 */
export async function groupId(group: string, file: string = GROUPS): Promise<number> {
  if (/^\d+$/.test(group)) return Number(group);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new UpdateError('CONFIG_INVALID', `control.group: ${group} cannot be looked up in ${file}`, {
      cause,
    });
  }
  for (const line of text.split('\n')) {
    const [name, , id] = line.split(':');
    if (name === group && id !== undefined && /^\d+$/.test(id)) return Number(id);
  }
  throw new UpdateError(
    'CONFIG_INVALID',
    `control.group: expected a group of ${file} or a number, found ${group}; make it with: groupadd --system ${group}`,
  );
}

/**
 * Why a group cannot reach a socket although its mode lets it: the folder keeps it out, as the state directory does.
 *
 * @returns a sentence for the log; null when it can, as far as the folder is concerned
 */
export async function whyUnreachable(socket: string, gid: number): Promise<string | null> {
  const folder = dirname(socket);
  const { mode, gid: of } = await stat(folder);
  if ((mode & 0o001) !== 0 || (of === gid && (mode & 0o010) !== 0)) return null;
  return `control.group: group ${String(gid)} cannot reach ${socket}, since ${folder} is closed to it (mode 0${(mode & 0o7777).toString(8)}, group ${String(of)}); set control.socket to a folder that it may enter`;
}
