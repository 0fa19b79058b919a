/**
 * The archive of edge heads, out of which a promotion takes the head that first named its release.
 *
 * Invariants: an edge head is archived before it goes live, and never changed afterwards; one that was archived but never went
 * live (the run was interrupted) is set aside before the next one, so that it never vouches for a release.
 */
import { mkdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { HeadDocument } from '../bundle/head-document.ts';
import type { TrustSet } from '../bundle/trust.ts';
import { hasErrno, UpdateError } from '../errors.ts';
import { writeAtomically } from './atomic-write.ts';
import { list, readHeadFile } from './feed-heads.ts';
import { archiveName, comparePlaces, FEED_FOLDERS, parseArchiveName, type Place } from './feed-layout.ts';

/**
 * Puts an edge head into the archive. Does nothing when it is there.
 *
 * @throws UpdateError `PUBLISH_REFUSED` when another one has its place
 */
export async function archiveHead(feedDir: string, { head, bytes }: HeadDocument): Promise<void> {
  const path = join(feedDir, FEED_FOLDERS.archive, archiveName(head));
  const there = await readIfThere(path);
  if (there === null) {
    await mkdir(join(feedDir, FEED_FOLDERS.archive), { recursive: true });
    await writeAtomically(path, (file) => file.writeFile(bytes));
  } else if (!there.equals(bytes)) {
    throw new UpdateError('PUBLISH_REFUSED', `expected the same head at ${path}, found other bytes`);
  }
}

/** The last place that the archive has ever given to a head, live or not; null for an empty one. */
export async function lastArchived(feedDir: string): Promise<Place | null> {
  const places = (await archived(feedDir)).toSorted(comparePlaces);
  return places.at(-1) ?? null;
}

/**
 * Sets aside the heads that never went live.
 *
 * @param live - the newest head that clients can read; null for none
 */
export async function setUnusedAside(feedDir: string, live: Place | null): Promise<void> {
  for (const place of await archived(feedDir)) {
    if (place.unused || (live !== null && comparePlaces(place, live) <= 0)) continue;
    const dir = join(feedDir, FEED_FOLDERS.archive);
    await rename(join(dir, archiveName(place)), join(dir, archiveName(place, true)));
  }
}

/**
 * The archived edge heads that went live, oldest place first. Those of a key that is not in the trust set any more are left out.
 *
 * @param live - the newest head that clients can read
 * @throws UpdateError `PUBLISH_REFUSED` for one that cannot be read
 */
export async function readArchive(
  feedDir: string,
  trust: TrustSet,
  live: Place,
  now: number,
): Promise<HeadDocument[]> {
  const found: HeadDocument[] = [];
  for (const place of (await archived(feedDir)).toSorted(comparePlaces)) {
    if (place.unused || comparePlaces(place, live) > 0) continue;
    const path = join(feedDir, FEED_FOLDERS.archive, archiveName(place));
    try {
      const document = await readHeadFile(path, { trust, channel: 'edge', now });
      if (document !== null) found.push(document);
    } catch (error) {
      if (!isRetired(error)) throw error;
    }
  }
  return found;
}

/** Whether it is only that the key is not known any more, or had ended when it signed. */
function isRetired(error: unknown): boolean {
  const cause = error instanceof UpdateError ? error.cause : undefined;
  return (
    cause instanceof UpdateError && (cause.code === 'JWS_KEY_UNKNOWN' || cause.code === 'JWS_KEY_NOT_ALLOWED')
  );
}

async function archived(feedDir: string): Promise<(Place & { readonly unused: boolean })[]> {
  const names = await list(join(feedDir, FEED_FOLDERS.archive));
  return names.flatMap((name) => parseArchiveName(name) ?? []);
}

async function readIfThere(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return null;
    throw error;
  }
}
