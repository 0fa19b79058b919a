/** What is written beside an executable: its bill of materials, its licences and its SHA-256. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { licencesOf } from './licences.ts';
import type { Arch, Built } from './options.ts';
import { packagesIn } from './packages.ts';
import { hostArch, pinnedSha256, pinnedVersion, runtimeFor } from './runtime.ts';
import { sbomOf } from './sbom.ts';

/** The files that were written. */
export interface Documents {
  readonly sbom: string;
  readonly licences: string;
  /** For `sha256sum --check`. */
  readonly checksum: string;
}

/**
 * Writes the documents of an executable beside it: `PROGRAM.cdx.json`, `PROGRAM.licenses.txt` and `PROGRAM.sha256`.
 *
 * @param arch - the processor that it is for
 * @throws BuildError where a package inside has no licence
 */
export async function writeDocuments({ program, embedded, metafile }: Built, arch: Arch): Promise<Documents> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(program), hash);
  const sha256 = hash.digest('hex');
  const version = await pinnedVersion();
  // Of the same version for each processor.
  const print = ['-p', 'JSON.stringify(process.versions)'];
  const { stdout } = await promisify(execFile)(await runtimeFor(hostArch()), print);
  const node = {
    version,
    sha256: await pinnedSha256(version, arch),
    versions: JSON.parse(stdout) as Record<string, string>,
  };
  const documents = {
    sbom: `${program}.cdx.json`,
    licences: `${program}.licenses.txt`,
    checksum: `${program}.sha256`,
  };
  await writeFile(documents.sbom, await sbomOf({ metafile, embedded, arch, sha256, node }));
  await writeFile(documents.licences, await licencesOf(await packagesIn(metafile), version));
  await writeFile(documents.checksum, `${sha256}  ${basename(program)}\n`);
  return documents;
}
