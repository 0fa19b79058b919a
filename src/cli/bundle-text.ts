/** Bundles for people. Pure. */
import type { Manifest, ManifestFile } from '../bundle/manifest.ts';
import { platformName, type InspectedBundle } from '../publish/inspect.ts';
import type { SignedManifest } from '../publish/verify-bundle.ts';
import { bytes, share } from './bytes.ts';
import { plain, plainLines } from './plain.ts';

const fact = (name: string, value: string): string => `${name.padEnd(12)}${value}`;

/** How a file of a delta is stored; nothing for a whole file. */
function storedText({ path, encoding, base_path: from, stored_size: stored }: ManifestFile): string {
  if (encoding === 'zstd') return '';
  const what = encoding === 'same' ? 'same' : `patch of ${bytes(stored)}`;
  return ` (${what}${from === undefined || from === path ? '' : `, from ${plain(from)}`})`;
}

function* manifestLines(manifest: Manifest, digest: string): Generator<string> {
  yield fact('product', plain(manifest.product));
  yield fact('version', plain(manifest.version));
  yield fact('digest', digest);
  yield fact('audience', manifest.audience.join(', '));
  yield fact('platform', platformName(manifest.platform));
  yield fact('created', manifest.created_at);
  if (manifest.entrypoint !== undefined) yield fact('entrypoint', plain(manifest.entrypoint));
  if (manifest.daemon !== undefined) yield fact('daemon', plain(manifest.daemon));
  if (manifest.base !== undefined)
    yield fact('base', `${plain(manifest.base.version)}, release ${manifest.base.release_digest}`);
  if (manifest.min_updater !== undefined) yield fact('min updater', plain(manifest.min_updater));
  for (const [index, file] of manifest.files.entries())
    yield fact(
      index === 0 ? 'files' : '',
      `${file.mode.toString(8)}  ${bytes(file.size).padStart(10)}  ${plain(file.path)}${storedText(file)}`,
    );
  for (const [index, line] of plainLines(manifest.notes ?? '').entries())
    yield fact(index === 0 ? 'notes' : '', line);
}

/** A bundle that was verified. */
export function verifiedText(path: string, { manifest, digest, kid, size }: SignedManifest): string {
  return [
    `verified: ${plain(path)}, ${bytes(size)}`,
    fact('key', kid),
    ...manifestLines(manifest, digest),
  ].join('\n');
}

/** A bundle that nobody has verified, which the first line says. */
export function inspectedText(path: string, { header, manifest, digest, sizes }: InspectedBundle): string {
  return [
    `UNVERIFIED, what ${plain(path)} says of itself:`,
    fact('key', `${plain(header.kid)} (${plain(header.alg)})`),
    ...manifestLines(manifest, digest),
    fact('sizes', `file ${bytes(sizes.file)}, unpacked ${bytes(sizes.unpacked)}`),
    ...(manifest.base === undefined
      ? []
      : [
          fact(
            'delta',
            `carries ${bytes(sizes.stored)} for ${bytes(sizes.unpacked)}, ${share(sizes.stored, sizes.unpacked)}`,
          ),
        ]),
  ].join('\n');
}

/** A bundle of which only signature and manifest were verified: a delta whose base was not at hand. */
export function signedText(path: string, { manifest, digest, kid, size }: SignedManifest): string {
  return [
    `signature and manifest verified: ${plain(path)}, ${bytes(size)}, a delta from ${plain(manifest.base?.version ?? '?')}`,
    fact('key', kid),
    ...manifestLines(manifest, digest),
  ].join('\n');
}
