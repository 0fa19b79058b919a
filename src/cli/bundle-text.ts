/** Bundles for people. Pure. */
import type { Manifest } from '../bundle/manifest.ts';
import { platformName, type InspectedBundle, type VerifiedBundle } from '../publish/inspect.ts';
import { bytes } from './bytes.ts';
import { plain, plainLines } from './plain.ts';

const fact = (name: string, value: string): string => `${name.padEnd(12)}${value}`;

function* manifestLines(manifest: Manifest, digest: string): Generator<string> {
  yield fact('product', plain(manifest.product));
  yield fact('version', plain(manifest.version));
  yield fact('digest', digest);
  yield fact('audience', manifest.audience.join(', '));
  yield fact('platform', platformName(manifest.platform));
  yield fact('created', manifest.created_at);
  yield fact('entrypoint', plain(manifest.entrypoint));
  if (manifest.min_updater !== undefined) yield fact('min updater', plain(manifest.min_updater));
  for (const [index, { path, mode, size }] of manifest.files.entries())
    yield fact(
      index === 0 ? 'files' : '',
      `${mode.toString(8)}  ${bytes(size).padStart(10)}  ${plain(path)}`,
    );
  for (const [index, line] of plainLines(manifest.notes ?? '').entries())
    yield fact(index === 0 ? 'notes' : '', line);
}

/** A bundle that was verified. */
export function verifiedText(path: string, { manifest, digest, kid, size }: VerifiedBundle): string {
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
  ].join('\n');
}
