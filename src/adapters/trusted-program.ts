/**
 * Whether a program may be run with the daemon's rights: nobody but root and the daemon's own user can have written it. What `sudo`
 * asks of its own files, and sshd's StrictModes of a path (sshd_config(5)).
 *
 * Invariant: every folder on the way is looked at, through each symbolic link, since who can write into one of them can put another
 * program in its place.
 */
import { constants } from 'node:fs';
import { access, lstat, readlink } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { hasErrno, UpdateError } from '../errors.ts';
import { canExecute } from './can-execute.ts';

/** As many as the kernel follows (path_resolution(7)). */
const LINKS_MAX = 40;
const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

const octal = (mode: number): string => `0${(mode & 0o7777).toString(8)}`;

/**
 * Looks whether a program can be run, and by whom it could have been changed.
 *
 * @param program - absolute path
 * @returns what is wrong with it and what to do about it; null when nothing is
 * @example
 * const wrong = await whyUntrusted('/etc/coresdk/hooks/drain');
 */
export async function whyUntrusted(program: string): Promise<string | null> {
  if (!isAbsolute(program)) return `expected an absolute path, found ${program}`;
  try {
    return (await walk(program, 0)) ?? (await whyNotExecutable(program));
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return `found no such file; install it, or correct the path`;
    return `cannot look at it: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Every part of the path from the root on, through links. */
async function walk(path: string, links: number): Promise<string | null> {
  const names = resolve(path)
    .split('/')
    .filter((name) => name !== '');
  let at = '/';
  for (const [index, name] of ['', ...names].entries()) {
    at = join(at, name);
    const stats = await lstat(at);
    if (stats.isSymbolicLink()) {
      if (links === LINKS_MAX) return `found more than ${String(LINKS_MAX)} symbolic links`;
      const target = resolve(dirname(at), await readlink(at));
      return walk(join(target, ...names.slice(index)), links + 1);
    }
    const isLast = index === names.length;
    if (isLast && !stats.isFile()) return `expected a regular file, found that ${at} is none`;
    const own = process.geteuid?.() ?? stats.uid;
    if (stats.uid !== 0 && stats.uid !== own)
      return `${at} belongs to uid ${String(stats.uid)}, who could change it; give it to root (chown root ${at})`;
    const shared = (stats.mode & OTHERS_WRITE) !== 0;
    // In a sticky folder nobody can replace another user's file (unlink(2), EPERM).
    if (shared && !(stats.isDirectory() && (stats.mode & STICKY) !== 0))
      return `${at} can be written by others (mode ${octal(stats.mode)}); run chmod go-w ${at}`;
  }
  return null;
}

async function whyNotExecutable(program: string): Promise<string | null> {
  try {
    await access(program, constants.R_OK);
  } catch (error) {
    // Executable without being readable: then only the kernel can judge its format.
    if (hasErrno(error, 'EACCES')) return null;
    throw error;
  }
  try {
    // Node hands a file of no known format to /bin/sh (execvp(3)), so the question has to be asked first.
    await canExecute(program);
    return null;
  } catch (error) {
    const { message } = UpdateError.from(error);
    return `${message.replace(`${program}: `, '')}; run chmod +x, or mend its first line`;
  }
}
