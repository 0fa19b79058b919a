/** Honest bundles, each made once however many plans use it; and the keys that the daemons under test know. */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { trustSetSchema, type TrustFile } from '../../../../src/bundle/trust.ts';
import { releaseDigest } from '../../../../src/bundle/manifest.ts';
import { hostPlatform } from '../../../../src/config/index.ts';
import { createBundle } from '../../../../src/publish/bundle-writer.ts';
import { loadSignerFor } from '../../../../src/publish/signer.ts';
import { readKeys } from '../../../attack/support/craft.ts';
import { PRODUCT, type Keys } from '../../../attack/support/makers.ts';
import { workloadProgram, type Behaviour } from '../../../e2e/support/workload-program.ts';

/** A release that is wanted. */
export interface Wanted {
  readonly version: string;
  readonly behaviour: Behaviour | 'unstartable';
  readonly audience: 'feed' | 'airgap';
}

/** A bundle, and what a head says of it. */
export interface Shelved {
  readonly version: string;
  readonly bytes: Buffer;
  readonly digest: string;
}

/** Where honest bundles come from. */
export interface Shelf extends AsyncDisposable {
  readonly keys: Keys;
  /** Keys that no daemon here knows. */
  readonly foreign: Keys;
  readonly trust: TrustFile;
  /** Ports of hosts that live now: a free port is drawn long before its workload listens. */
  readonly ports: Set<number>;
  /** A folder that belongs to the shelf. */
  readonly root: string;
  bundle(wanted: Wanted): Promise<Shelved>;
}

/** A program that no machine can start: its interpreter is not there. */
const unstartable = (version: string): string => `#!/nonexistent/interpreter ${version}\n`;

/**
 * Opens an empty shelf.
 *
 * @param keysDir - folder of the private keys and `trust.json`
 * @param foreignDir - folder of keys that are not trusted
 */
export async function openShelf(keysDir: string, foreignDir: string): Promise<Shelf> {
  const root = await mkdtemp(join(tmpdir(), 'coresdk-shelf-'));
  const made = new Map<string, Promise<Shelved>>();
  const make = async ({ version, behaviour, audience }: Wanted, out: string): Promise<Shelved> => {
    const program = behaviour === 'unstartable' ? unstartable(version) : workloadProgram(version, behaviour);
    const source = Buffer.from(program);
    await createBundle({
      product: PRODUCT,
      version,
      audience,
      platform: hostPlatform(),
      entrypoint: 'coresdk-sidecar',
      files: [{ path: 'coresdk-sidecar', source, mode: 0o755 }],
      signer: await loadSignerFor(keysDir, audience === 'airgap' ? 'airgap' : 'bundle'),
      out,
      level: 1,
    });
    const sha256 = createHash('sha256').update(source).digest('hex');
    const file = { path: 'coresdk-sidecar', mode: 0o755, size: source.length, sha256 } as const;
    const digest = releaseDigest([file]);
    return { version, bytes: await readFile(out), digest };
  };
  return {
    keys: readKeys(keysDir),
    foreign: readKeys(foreignDir),
    trust: trustSetSchema.parse(JSON.parse(await readFile(join(keysDir, 'trust.json'), 'utf8'))),
    ports: new Set(),
    root,
    bundle: (wanted) => {
      const key = JSON.stringify([wanted.version, wanted.behaviour, wanted.audience]);
      const found = made.get(key) ?? make(wanted, join(root, `${String(made.size)}.jws`));
      made.set(key, found);
      return found;
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

/** Writes bytes below a folder under a name that says what they are, and returns the path. */
export async function writeBelow(folder: string, bytes: Uint8Array): Promise<string> {
  const path = join(folder, `${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}.jws`);
  await writeFile(path, bytes);
  return path;
}
