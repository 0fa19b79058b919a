import type { Head } from '../../src/bundle/head.ts';
import type { FeedChannel } from '../../src/types.ts';
import { forge, headClaims } from '../fixtures/forge.ts';
import { testKeys } from '../fixtures/keys.ts';
import { createRig, DAY_MS, NOW, type Rig } from './rig.ts';

type Change = Partial<Record<keyof Head, unknown>>;

/** A signed head, right but for `change`; issued at the rigs' start. On stable its release baked for 8 days unless told. */
export async function signedHead(
  change: Change = {},
  channel: FeedChannel = 'stable',
  at = NOW,
): Promise<Buffer> {
  const isStable = (change.sub ?? channel) === 'stable';
  const baked = !isStable || 'bake' in change ? {} : { bake: await bakeOf(change, at) };
  return forge({
    purpose: `head-${channel}`,
    payload: headClaims(at, { sub: channel, ...baked, ...change }),
  });
}

/** The edge head that first named the release of a stable head, 8 days before unless told. */
export async function bakeOf(change: Change, at = NOW, days = 8): Promise<string> {
  const named = Object.fromEntries(
    Object.entries(change).filter(([name]) => ['version', 'targets', 'steps', 'aud'].includes(name)),
  );
  return (await signedHead({ ...named, jti: 'edge' }, 'edge', at - days * DAY_MS)).toString('latin1');
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
