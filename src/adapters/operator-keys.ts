import { dirname } from 'node:path';
import { lstat, readFile, realpath } from 'node:fs/promises';
import { UpdateError } from '../errors.ts';
import { importOperatorKeys, type OperatorKeys } from '../fleet/orders.ts';

const MAX_BYTES = 64 * 1024;
const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

const refuse = (what: string, cause?: unknown): UpdateError =>
  new UpdateError('CONFIG_INVALID', `fleet.operator_keys_file: ${what}`, { cause });

async function requireOurs(path: string): Promise<void> {
  const { uid, mode } = await lstat(path);
  if (uid !== 0 && uid !== process.geteuid?.())
    throw refuse(
      `${path} belongs to uid ${String(uid)}, who could change it; give it to root (chown root ${path})`,
    );
  if ((mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0)
    throw refuse(`${path} can be written by others; run chmod go-w ${path}`);
}

/**
 * Reads the operators' keys. Nobody but root and the daemon's own user may be able to write the file, or to put another in its place:
 * whoever can, can halt every update of this host.
 *
 * @param path - `fleet.operator_keys_file`, a JWK set
 * @throws UpdateError `CONFIG_INVALID`
 */
export async function readOperatorKeys(path: string): Promise<OperatorKeys> {
  try {
    const real = await realpath(path);
    await requireOurs(real);
    await requireOurs(dirname(real));
    const bytes = await readFile(real);
    if (bytes.byteLength > MAX_BYTES)
      throw refuse(`expected at most ${String(MAX_BYTES)} bytes, found ${String(bytes.byteLength)}`);
    return importOperatorKeys(bytes, `fleet.operator_keys_file: ${path}`);
  } catch (error) {
    if (error instanceof UpdateError) throw error;
    throw refuse(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`, error);
  }
}
