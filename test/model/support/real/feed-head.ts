import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { craft, sha256, type Craft } from '../../../attack/support/craft.ts';
import { headClaims, json, type Keys } from '../../../attack/support/makers.ts';
import type { Head } from '../../../../src/bundle/head.ts';
import { hostPlatform } from '../../../../src/config/index.ts';
import type { FeedChannel } from '../../../../src/types.ts';
import type { Shelved } from './shelf.ts';

const HOUR_S = 3600;
const DAY_S = 24 * HOUR_S;

/** Claims that replace the right ones. */
export type Claims = Partial<Record<keyof Head, unknown>>;

/** Seconds since 1970, `ago` seconds ago. */
export const secondsAgo = (ago: number): number => Math.floor(Date.now() / 1000) - ago;

/** The dates of a head that was signed so many seconds ago. */
export const signed = (ago: number, lifetime = 7 * DAY_S): Claims => {
  const iat = secondsAgo(ago);
  return { iat, nbf: iat, exp: iat + lifetime };
};

/** Heads of one channel, each newer than the one before. */
export interface FeedHeads {
  readonly channel: FeedChannel;
  /** The number of the head that was made last. */
  readonly seq: () => number;
  /** A head that names the offer; `claims` replaces claims, `wrong` parts of the JWS. */
  make(claims?: Claims, wrong?: Partial<Craft>): Buffer;
  /** An edge head that names the offer, whatever the channel is. */
  edge(claims: Claims): Buffer;
  /** Makes one and puts it into the feed. */
  publish(claims?: Claims, wrong?: Partial<Craft>): Promise<void>;
  /** Puts bytes in the place of the head in the feed. */
  place(bytes: Uint8Array): Promise<void>;
  /** Puts bytes in the place of the head that was accepted on the host; null takes it away. */
  accept(bytes: Uint8Array | null): Promise<void>;
}

/** What a head says of an offer, and where. */
export interface HeadPlan {
  readonly keys: Keys;
  readonly channel: FeedChannel;
  readonly feedDir: string;
  /** The daemon's folder of accepted heads. */
  readonly headsDir: string;
  readonly offer: Shelved;
  /** The path of the offer's bundle in the feed. */
  readonly path: string;
  /** A delta beside it. */
  readonly delta: { readonly path: string; readonly bytes: Buffer; readonly base: string } | null;
}

/** Makes the heads of a feed, which name one offer. */
export function createFeedHeads({
  keys,
  channel,
  feedDir,
  headsDir,
  offer,
  path,
  delta,
}: HeadPlan): FeedHeads {
  let seq = 0;
  const common = { bundle: offer.bytes, path, digest: offer.digest };
  const edge: FeedHeads['edge'] = (claims) =>
    craft({
      key: keys['head-edge'],
      typ: 'coresdk-head+jwt',
      payload: json(headClaims({ ...common, seq: 1, change: { version: offer.version, ...claims } })),
    });
  const named = ({ bytes, path: at }: { bytes: Buffer; path: string }) => ({
    path: at,
    size: bytes.length,
    sha256: sha256(bytes),
  });
  const { os, arch } = hostPlatform();
  const withDelta: Claims =
    delta === null
      ? {}
      : {
          targets: [
            {
              os,
              arch,
              release_digest: offer.digest,
              bundles: [named({ ...offer, path }), { ...named(delta), base: delta.base }],
            },
          ],
        };
  const make: FeedHeads['make'] = (claims = {}, wrong = {}) => {
    seq += 1;
    const right = {
      sub: channel,
      version: offer.version,
      ...signed(HOUR_S),
      ...(channel === 'stable' ? { bake: edge(signed(9 * DAY_S)).toString('latin1') } : {}),
    };
    const payload = json(headClaims({ ...common, seq, change: { ...right, ...withDelta, ...claims } }));
    return craft({ key: keys[`head-${channel}`], typ: 'coresdk-head+jwt', payload, ...wrong });
  };
  const place: FeedHeads['place'] = (bytes) => writeFile(join(feedDir, `${channel}.jws`), bytes);
  return {
    channel,
    seq: () => seq,
    make,
    edge,
    place,
    publish: (claims, wrong) => place(make(claims, wrong)),
    accept: async (bytes) => {
      const accepted = join(headsDir, `${channel}.jws`);
      if (bytes === null) await rm(accepted, { force: true });
      else await writeFile(accepted, bytes, { mode: 0o600 });
    },
  };
}
