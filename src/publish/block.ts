import { editHead } from './edit-head.ts';
import { requireSemver, some } from './feed-claims.ts';
import { sortedVersions } from './head-body.ts';
import type { HeadOptions, Published } from './head-options.ts';

/** Which versions are blocked on a channel. */
export interface BlockOptions extends HeadOptions {
  /** Added to those that are blocked. The one that the head names may be among them: then nobody takes it. */
  readonly versions: readonly string[];
  /** Takes the versions off the list instead. */
  readonly undo?: boolean | undefined;
}

/**
 * Blocks versions on a channel: no host takes one of them any more, in whatever way. Safe to run again.
 *
 * @throws UpdateError `PUBLISH_REFUSED` for what is no version; what {@link editHead} throws
 * @example
 * await blockVersions({ feedDir: 'feed', channel: 'edge', versions: ['1.2.0'], signer, trust });
 */
export async function blockVersions(options: BlockOptions): Promise<Published> {
  const { versions, undo = false } = options;
  return editHead(options, (body) => {
    for (const version of versions) requireSemver(version);
    const before = body.blocked ?? [];
    const blocked = undo
      ? before.filter((version) => !versions.includes(version))
      : sortedVersions([...before, ...versions]);
    return { ...body, blocked: some(blocked) };
  });
}
