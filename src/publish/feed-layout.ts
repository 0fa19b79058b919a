/**
 * Where things lie in a feed:
 * ```
 * <channel>.jws                    the head that clients read, signed by the newest key
 * by-key/<kid>/<channel>.jws       the head for clients that know only an older key
 * bundles/<product>-<version>-<platform>.jws
 * bundles/<product>-<version>-<platform>-from-<base version>.jws    a delta
 * archive/edge-<epoch>-<seq>.jws   every edge head, for promotion
 * ```
 */
import { join } from 'node:path';
import type { Head } from '../bundle/head.ts';
import type { Manifest } from '../bundle/manifest.ts';
import type { FeedChannel, Platform } from '../types.ts';
import { platformName } from './inspect.ts';

/** The channels that a feed may have. */
export const FEED_CHANNELS = ['edge', 'stable'] as const satisfies readonly FeedChannel[];

/** Folders of a feed. */
export const FEED_FOLDERS = { bundles: 'bundles', byKey: 'by-key', archive: 'archive' } as const;

/** The file in a feed that says what it is. Nothing reads it. */
export const FEED_README = 'README.md';

/** A head's place in the order of its channel. */
export type Place = Pick<Head, 'epoch' | 'seq'>;

/** Orders places: negative when `a` comes first. */
export function comparePlaces(a: Place, b: Place): number {
  return a.epoch - b.epoch || a.seq - b.seq;
}

/** A place for people: `epoch 0, sequence 3`. */
export function placeText({ epoch, seq }: Place): string {
  return `epoch ${String(epoch)}, sequence ${String(seq)}`;
}

/** What decides where a bundle lies. */
export interface BundlePlace extends Pick<Manifest, 'product' | 'version'> {
  readonly platform: Platform;
  /** For a delta. */
  readonly base?: { readonly version: string } | undefined;
}

/** Where a bundle lies in a feed, relative to it, with `/`. */
export function bundlePath({ product, version, platform, base }: BundlePlace): string {
  const from = base === undefined ? '' : `-from-${base.version}`;
  return `${FEED_FOLDERS.bundles}/${product}-${version}-${platformName(platform)}${from}.jws`;
}

/** The path of a channel's head. */
export function headPath(feedDir: string, channel: FeedChannel): string {
  return join(feedDir, `${channel}.jws`);
}

/** The path of a channel's head for those who know only this key. */
export function keyHeadPath(feedDir: string, kid: string, channel: FeedChannel): string {
  return join(feedDir, FEED_FOLDERS.byKey, kid, `${channel}.jws`);
}

/** The name of an edge head in the archive. `unused` is one that never went live. */
export function archiveName({ epoch, seq }: Place, unused = false): string {
  return `edge-${String(epoch)}-${String(seq)}${unused ? '.unused' : ''}.jws`;
}

/** What {@link archiveName} made; null for any other name. */
export function parseArchiveName(name: string): (Place & { readonly unused: boolean }) | null {
  const [, epoch, seq, unused] = /^edge-(\d{1,16})-(\d{1,16})(\.unused)?\.jws$/.exec(name) ?? [];
  if (epoch === undefined || seq === undefined) return null;
  return { epoch: Number(epoch), seq: Number(seq), unused: unused !== undefined };
}
