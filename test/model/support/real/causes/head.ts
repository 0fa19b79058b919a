/** What a head is refused for: by `check`, which asks for it, and by `gate`, which asks again. */
import type { FeedChannel, Platform } from '../../../../../src/types.ts';
import { HEAD_MAX_BYTES } from '../../../../../src/bundle/head.ts';
import type { StepName } from '../../../../../src/steps.ts';
import { WRONG_JWS, type Wrong } from '../craft.ts';
import { signed, type Claims } from '../feed-head.ts';
import { PAST_VERSION } from '../past.ts';
import type { World } from '../world.ts';
import type { Arrangement, Cause, Causes } from './cause.ts';
import { fails } from './common.ts';

const HALF_AN_HOUR = 1800;
const DAY = 24 * 3600;

/** The feed shows a head with these claims. */
export const shows = (claims: Claims | ((world: World) => Claims)): Cause => ({
  arrange: (world) => world.heads.publish(typeof claims === 'function' ? claims(world) : claims),
});

const purposeOf = (channel: FeedChannel) => `head-${channel}` as const;

const wrong = (how: Wrong): Cause => ({
  arrange: ({ heads, shelf }) => heads.publish({}, how(shelf, purposeOf(heads.channel))),
});

/** The host has accepted another head than the feed's; the right one stands there again when the step is over. */
export const hasAccepted =
  (make: (world: World) => Buffer): Arrangement =>
  async (world) => {
    const before = await world.life().ports.heads.read(world.heads.channel);
    await world.heads.accept(make(world));
    world.later(() => world.heads.accept(before === null ? null : Buffer.from(before)));
  };

/** A platform that this host is not. */
export const elsewhere = (): Platform => ({
  os: process.platform === 'darwin' ? 'linux' : 'darwin',
  arch: process.arch,
});

/** On stable. */
const stable = (cause: Cause): Cause => ({ ...cause, settings: { channel: 'stable' } });

/** Every code of a head, for a service. */
export const headFails = (service: StepName): Causes => ({
  ...Object.fromEntries(Object.entries(WRONG_JWS).map(([code, how]) => [code, wrong(how)])),
  JWS_TOO_LARGE: {
    arrange: ({ heads }) => heads.place(Buffer.alloc(HEAD_MAX_BYTES[heads.channel] + 1, 'a')),
  },
  JSON_INVALID: wrong(() => ({ payload: Buffer.from('{"iss":"a","iss":"b"}') })),
  // No head can make the daemon ask outside of the feed.
  FEED_PATH_INVALID: fails(service, 'Feed.head', 'FEED_PATH_INVALID'),
  HEAD_INVALID: shows({ epoch: -1 }),
  HEAD_WRONG_CHANNEL: shows({ aud: 'another-product' }),
  HEAD_EXPIRED: shows(() => signed(HALF_AN_HOUR, 60)),
  HEAD_FROM_FUTURE: shows(() => signed(-DAY)),
  HEAD_EQUIVOCATION: {
    arrange: async (world) => {
      await hasAccepted(() => world.heads.make())(world);
      await world.heads.publish({ seq: world.heads.seq(), jti: 'another' });
    },
  },
  CLOCK_BEHIND: { arrange: hasAccepted(({ heads }) => heads.make(signed(-DAY))) },
  BAKE_MISSING: stable(shows({ bake: undefined })),
  BAKE_INVALID: stable(shows({ bake: 'not an edge head' })),
  BAKE_TOO_SHORT: stable({
    arrange: async ({ heads, offer }) => {
      // The edge head of a feed that shows the same release since an hour.
      const edge = heads.edge({ version: offer.version, ...signed(3600) }).toString('latin1');
      await heads.publish({ bake: edge });
    },
  }),
  NO_TARGET: shows(({ offer }) => ({
    targets: [
      {
        ...elsewhere(),
        release_digest: offer.digest,
        bundles: [{ path: 'bundles/offer.jws', size: offer.bytes.length, sha256: '0'.repeat(64) }],
      },
    ],
  })),
  // 1.1.0 runs as the workload, but the updater is still the one before it.
  UPDATER_TOO_OLD: {
    past: 'committed',
    ...shows(({ offer }) => ({
      steps: [
        {
          version: PAST_VERSION,
          targets: [
            {
              os: process.platform,
              arch: process.arch,
              release_digest: offer.digest,
              bundles: [{ path: 'bundles/step.jws', size: 1, sha256: '0'.repeat(64) }],
            },
          ],
        },
      ],
    })),
  },
  JOURNAL_DAMAGED: fails(service, 'Journal.seen', 'JOURNAL_DAMAGED'),
});
