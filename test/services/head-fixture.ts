import type { Head } from '../../src/bundle/head.ts';
import type { FeedChannel } from '../../src/types.ts';
import { forge, headClaims } from '../fixtures/forge.ts';
import { testKeys } from '../fixtures/keys.ts';
import { createRig, NOW, type Rig } from './rig.ts';

/** A signed head, right but for `change`; issued at the rigs' start. */
export function signedHead(
  change: Partial<Record<keyof Head, unknown>> = {},
  channel: FeedChannel = 'stable',
  at = NOW,
): Promise<Buffer> {
  return forge({ purpose: `head-${channel}`, payload: headClaims(at, { sub: channel, ...change }) });
}

/** A rig whose host trusts the test keys. */
export async function trustingRig(options: Parameters<typeof createRig>[0] = {}): Promise<Rig> {
  return createRig({ ...options, host: { trust: (await testKeys()).trust, ...options.host } });
}

/** Serves a head; several in a row are what a feed does over time. */
export async function serve(
  rig: Rig,
  change: Partial<Record<keyof Head, unknown>> = {},
  channel: FeedChannel = 'stable',
  at = NOW,
): Promise<Buffer> {
  const bytes = await signedHead(change, channel, at);
  rig.feed.files.set(`${channel}.jws`, bytes);
  return bytes;
}
