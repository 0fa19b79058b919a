/**
 * The version on this host that a delta is made from.
 *
 * Invariant: a base is known by its release digest alone. What it gives is judged by the delta's own manifest, so a base that was
 * swapped or damaged on disk can only make the delta fail.
 */
import type { Manifest } from '../bundle/manifest.ts';
import type { BaseFiles } from '../bundle/random-access.ts';
import { UpdateError } from '../errors.ts';
import type { Ports, StoredVersion } from './ports.ts';

type Needs = Pick<Ports, 'store' | 'reporter'>;
type Ref = StoredVersion['ref'];

/**
 * Runs work with the files of a manifest's base; with none where the bundle is a full one. When a delta could not be applied, the
 * base is looked at, and told of if it is damaged: the operator runs it, perhaps.
 *
 * @throws UpdateError `DELTA_BASE_MISSING` when no version here is the base; `CANCELLED`; and what the work rejects with
 */
export async function withBase(
  ports: Needs,
  { base, version }: Manifest,
  signal: AbortSignal,
  work: (base: { readonly base?: BaseFiles }) => Promise<void>,
): Promise<void> {
  if (base === undefined) return work({});
  const ref = await find(ports, version, base);
  const files = await open(ports, ref);
  try {
    await work({ base: files });
  } catch (error) {
    const failed = UpdateError.from(error);
    if (failed.code !== 'DELTA_FAILED' || signal.aborted) throw failed;
    const damage = await damageOf(ports, ref, signal);
    if (damage === null) throw failed;
    ports.reporter.report({ kind: 'warning', error: damage.toRecord() });
    throw new UpdateError('DELTA_FAILED', `${failed.message}; its base is damaged: ${damage.message}`, {
      cause: failed,
    });
  }
}

async function find({ store }: Needs, version: string, base: NonNullable<Manifest['base']>): Promise<Ref> {
  const here = (await store.list()).map(({ ref }) => ref);
  const ref = here.find(({ digest }) => digest === base.release_digest);
  if (ref !== undefined) return ref;
  const short = base.release_digest.slice(0, 12);
  const found = here.map((each) => `${each.version} (${each.digest.slice(0, 12)})`).join(', ');
  throw new UpdateError(
    'DELTA_BASE_MISSING',
    `expected version ${base.version} (${short}) on this host, as the base of the delta to ${version}; found ${found === '' ? 'no installed version' : found}`,
  );
}

async function open({ store }: Needs, ref: Ref): Promise<BaseFiles> {
  try {
    return await store.files(ref);
  } catch (error) {
    const gone = UpdateError.from(error);
    if (gone.code !== 'VERSION_NOT_FOUND') throw gone;
    throw new UpdateError('DELTA_BASE_MISSING', `the base ${ref.version} is gone: ${gone.message}`, {
      cause: gone,
    });
  }
}

/** What is wrong with the base on disk; null when nothing is, or when that cannot be found out. */
async function damageOf({ store }: Needs, ref: Ref, signal: AbortSignal): Promise<UpdateError | null> {
  try {
    await store.check(ref, signal);
    return null;
  } catch (error) {
    const found = UpdateError.from(error);
    return found.code === 'VERSION_DAMAGED' ? found : null;
  }
}
