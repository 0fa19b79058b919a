/**
 * What tells this host from others, for its cohort in a rollout.
 *
 * Invariant: the same at every start. It is only ever hashed, and never leaves the host (machine-id(5) asks for that).
 */
import { randomBytes } from 'node:crypto';
import { hasErrno } from '../errors.ts';
import { writeFileAtomically } from './atomic-file.ts';
import type { Disk } from './disk.ts';
import { diskFault } from './disk-errors.ts';

/** Where systemd keeps the host's id (machine-id(5)). */
export const SYSTEM_MACHINE_ID = '/etc/machine-id';

/** 32 hex digits; not the zeros that some images are made with. */
const ID = /^(?!0{32})[0-9a-f]{32}$/;
const MOST_BYTES = 64;

async function read(disk: Disk, path: string): Promise<string | null> {
  try {
    const text = Buffer.from(await disk.readFile(path, MOST_BYTES))
      .toString('latin1')
      .trim();
    return ID.test(text) ? text : null;
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'EINVAL', 'EFBIG')) return null;
    throw error;
  }
}

/**
 * The host's id: systemd's, or where there is none (containers, other systems) a random one of our own, which is made once and
 * kept with mode 0600. Images that were cloned with their id share it, and so their cohort.
 *
 * @param own - absolute path of our own id, in the state directory
 * @param system - absolute path of the system's
 * @returns 32 hex digits
 * @throws UpdateError `DISK_FULL`, `STATE_DIR_UNUSABLE` when our own cannot be read or written
 * @example
 * const machineId = await readMachineId(nodeDisk, paths.machineId);
 */
export async function readMachineId(disk: Disk, own: string, system = SYSTEM_MACHINE_ID): Promise<string> {
  try {
    const known = (await read(disk, system)) ?? (await read(disk, own));
    if (known !== null) return known;
    const made = randomBytes(16).toString('hex');
    await writeFileAtomically(disk, own, Buffer.from(`${made}\n`), 0o600);
    return made;
  } catch (error) {
    throw diskFault(error, 'STATE_DIR_UNUSABLE', `cannot keep the machine id ${own}`);
  }
}
