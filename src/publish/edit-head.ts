/** New heads of a channel that name the same release as before. */
import type { Head } from '../bundle/head.ts';
import { UpdateError } from '../errors.ts';
import { bodyOf, type HeadBody } from './head-body.ts';
import type { HeadOptions, Published } from './head-options.ts';
import { writeHead } from './head-writer.ts';

/**
 * Writes new heads whose body is the one before, changed. What differs between the keys' heads (`bake`) stays with each key.
 *
 * @throws UpdateError `PUBLISH_REFUSED` when there is no head yet; what {@link writeHead} throws
 */
export async function editHead(
  options: HeadOptions,
  change: (body: HeadBody, before: Head) => HeadBody,
): Promise<Published> {
  return writeHead(options, ({ main, newest, byKid }) => {
    const before = newest?.head ?? main?.head;
    if (before === undefined)
      throw new UpdateError(
        'PUBLISH_REFUSED',
        `expected a head on ${options.channel} in ${options.feedDir}, found none: publish a release first`,
      );
    const body = change(bodyOf(before), before);
    return Promise.resolve((kid: string) => {
      const own = byKid.get(kid)?.head;
      return own?.version === body.version ? { ...body, bake: own.bake } : body;
    });
  });
}

/**
 * Puts off the end of a channel's head: a new one that says the same. Run it by a timer, well before the head expires; clients
 * take no updates from an expired one.
 *
 * @throws UpdateError what {@link editHead} throws
 */
export async function refreshHead(options: HeadOptions): Promise<Published> {
  return editHead({ ...options, refresh: true }, (body) => body);
}
