import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasErrno, UpdateError } from '../errors.ts';
import { FEED_FOLDERS, FEED_README } from './feed-layout.ts';

const README = `# An update feed

Static files; any web server can show them. Nothing here is secret: programs believe only signatures.
Written by \`core feed …\` alone. Do not edit, rename or remove files by hand.

| path | what it is | cache |
|---|---|---|
| \`edge.jws\`, \`stable.jws\` | the channel's head: names the newest release | never, or revalidate |
| \`by-key/<kid>/<channel>.jws\` | the head for programs that know only this key | never, or revalidate |
| \`bundles/*.jws\` | signed releases, one a platform, and deltas to them; never changed | for ever |
| \`archive/edge-*.jws\` | every edge head; \`core feed promote\` needs them | for ever |

Heads expire. Put their end off with \`core feed refresh\`, and check the feed with \`core feed verify\`.
`;

/** What was made. */
export interface InitialisedFeed {
  readonly feedDir: string;
  /** False when all of it was there already. */
  readonly changed: boolean;
}

/**
 * Makes the folders of a feed, and a README that says what lies where. Safe to run again: changes nothing that is there.
 *
 * @throws UpdateError `WRITE_FAILED`
 */
export async function initFeed(feedDir: string): Promise<InitialisedFeed> {
  try {
    let changed = false;
    for (const folder of Object.values(FEED_FOLDERS))
      if ((await mkdir(join(feedDir, folder), { recursive: true })) !== undefined) changed = true;
    try {
      await writeFile(join(feedDir, FEED_README), README, { flag: 'wx', mode: 0o644, flush: true });
      changed = true;
    } catch (error) {
      if (!hasErrno(error, 'EEXIST')) throw error;
    }
    return { feedDir, changed };
  } catch (error) {
    throw UpdateError.from(error, 'WRITE_FAILED', `the feed ${feedDir} cannot be made`);
  }
}
