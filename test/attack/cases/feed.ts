/** Attacks by whoever owns the network, the mirror or the feed's storage, or has stolen the key of edge heads. */
import { gzipSync } from 'node:zlib';
import type { ServerResponse } from 'node:http';
import type { ErrorCode } from '../../../src/error-codes.ts';
import { hostPlatform } from '../../../src/config/index.ts';
import type { Fault } from '../../e2e/support/feed-server.ts';
import type { AttackRow, Defence } from '../support/attack.ts';
import { archive, craft, sha256 } from '../support/craft.ts';
import { json, manifestOf, membersOf, release } from '../support/makers.ts';
import type { ClaimChange, Rig } from '../support/rig.ts';

/** An attack that a check of the feed meets. */
export interface FeedAttack extends AttackRow {
  /** Prepares feed and host; then the daemon checks. */
  readonly prepare: (rig: Rig) => Promise<void>;
}

const DAY = 24 * 3600;
const seconds = (): number => Math.floor(Date.now() / 1000);
const here = hostPlatform();
const elsewhere = { os: here.os, arch: here.arch === 'x64' ? 'arm64' : 'x64' };

const attack = (
  name: string,
  code: ErrorCode,
  defence: Defence,
  prepare: FeedAttack['prepare'],
): FeedAttack => ({ name, code, defence, prepare });

/** A head with one thing changed. */
const head = (name: string, code: ErrorCode, defence: Defence, change: () => ClaimChange): FeedAttack =>
  attack(name, code, defence, (rig) => rig.place('edge.jws', rig.head(change())));

/** Lets the daemon accept a head that offers nothing, so that it has a past. */
async function accept(rig: Rig, change: ClaimChange = {}): Promise<Buffer> {
  const accepted = rig.head({ version: '0.0.0-0', ...change });
  await rig.place('edge.jws', accepted);
  const ended = await rig.meet('check');
  if (ended.outcome !== 'nothing')
    throw new Error(`expected a head that offers nothing, found ${ended.reason}`);
  return accepted;
}

/** A bundle that is right but for its manifest. */
async function bundleWith(rig: Rig, change: Record<string, unknown>): Promise<Buffer> {
  const { files } = release();
  const payload = await archive(membersOf(files, json(manifestOf(files, change))));
  return craft({ key: rig.keys.bundle, typ: 'coresdk-bundle+jws', payload });
}

const targets = (
  rig: Rig,
  change: Record<string, unknown>,
  bundle: Record<string, unknown> = {},
): unknown[] => [
  {
    os: here.os,
    arch: here.arch,
    release_digest: rig.good.digest,
    bundles: [
      { path: rig.good.path, size: rig.good.bytes.length, sha256: sha256(rig.good.bytes), ...bundle },
    ],
    ...change,
  },
];

const numbers: FeedAttack[] = [
  attack('a head that was replayed', 'HEAD_STALE', 'order', async (rig) => {
    const old = rig.head();
    await accept(rig);
    await rig.place('edge.jws', old);
  }),
  attack('a head of an epoch before, with a higher seq', 'HEAD_STALE', 'order', async (rig) => {
    await accept(rig, { epoch: 1, seq: 1 });
    await rig.place('edge.jws', rig.head({ epoch: 0, seq: 1_000_000 }));
  }),
  attack('a head with a higher seq that was signed before', 'HEAD_STALE', 'order', async (rig) => {
    await accept(rig);
    await rig.place('edge.jws', rig.head({ iat: seconds() - DAY, nbf: seconds() - DAY }));
  }),
  attack('two heads in one place', 'HEAD_EQUIVOCATION', 'order', async (rig) => {
    await accept(rig, { seq: 1_000 });
    await rig.place('edge.jws', rig.head({ seq: 1_000 }));
  }),
  attack('a replay after a head that has expired since', 'HEAD_STALE', 'order', async (rig) => {
    const old = rig.head({ iat: seconds() - 60, nbf: seconds() - 60 });
    const exp = seconds() + 1;
    await accept(rig, { exp, iat: seconds() - 30, nbf: seconds() - 30 });
    await new Promise((resolve) => setTimeout(resolve, exp * 1000 - Date.now() + 5));
    await rig.place('edge.jws', old);
  }),
  attack(
    'fast-forward: honest heads after a stolen key signed the highest seq',
    'HEAD_STALE',
    'order',
    async (rig) => {
      await accept(rig, { seq: Number.MAX_SAFE_INTEGER });
      await rig.place('edge.jws', rig.head());
    },
  ),
  head('fast-forward beyond what can be counted', 'HEAD_INVALID', 'schema', () => ({ seq: 2 ** 53 })),
  head('a seq that is a fraction', 'HEAD_INVALID', 'schema', () => ({ seq: 1.5 })),
  head('a negative epoch', 'HEAD_INVALID', 'schema', () => ({ epoch: -1 })),
];

const dates: FeedAttack[] = [
  head('freeze: a head past its end', 'HEAD_EXPIRED', 'dates', () => ({
    iat: seconds() - 8 * DAY,
    nbf: seconds() - 8 * DAY,
    exp: seconds() - DAY,
  })),
  head('a head that ends this very second', 'HEAD_EXPIRED', 'dates', () => ({
    iat: seconds() - DAY,
    nbf: seconds() - DAY,
    exp: seconds(),
  })),
  head('a head that lives for a year', 'HEAD_INVALID', 'dates', () => ({ exp: seconds() + 365 * DAY })),
  head('a head that ends before it began', 'HEAD_INVALID', 'dates', () => ({ exp: seconds() - 1 })),
  head('a head from the future', 'HEAD_FROM_FUTURE', 'dates', () => ({
    iat: seconds() + 3600,
    nbf: seconds() + 3600,
  })),
  head('a head that is not valid yet', 'HEAD_FROM_FUTURE', 'dates', () => ({ nbf: seconds() + 3600 })),
  head('a head without an end', 'HEAD_INVALID', 'dates', () => ({ exp: undefined })),
];

const versions: FeedAttack[] = [
  attack('a release below min_version', 'VERSION_TOO_LOW', 'floor', async (rig) => {
    await accept(rig, { min_version: '9.5.0' });
    await rig.place('edge.jws', rig.head({ min_version: '9.5.0' }));
  }),
  attack('a release that is blocked', 'VERSION_BLOCKED', 'floor', async (rig) => {
    await rig.place('edge.jws', rig.head({ blocked: ['8.0.0', '9.0.0'] }));
  }),
  attack('a replayed bundle under a new head: another version', 'BUNDLE_NOT_NAMED', 'named', (rig) =>
    rig.offer(rig.good.bytes, rig.good.digest, { version: '9.1.0' }),
  ),
  attack('a replayed bundle under a new head: another release digest', 'BUNDLE_NOT_NAMED', 'named', (rig) =>
    rig.offer(rig.good.bytes, 'a'.repeat(64)),
  ),
];

const fits: FeedAttack[] = [
  attack('mix-and-match: the bundle of another platform', 'WRONG_PLATFORM', 'fit', async (rig) =>
    rig.offer(await bundleWith(rig, { platform: elsewhere }), rig.good.digest),
  ),
  attack('mix-and-match: the bundle of another C library', 'WRONG_PLATFORM', 'fit', async (rig) =>
    rig.offer(
      await bundleWith(rig, {
        platform: { os: here.os, arch: here.arch, libc: here.libc === 'musl' ? 'glibc' : 'musl' },
      }),
      rig.good.digest,
    ),
  ),
  attack('a head that names another platform only', 'NO_TARGET', 'fit', (rig) =>
    rig.place('edge.jws', rig.head({ targets: targets(rig, elsewhere) })),
  ),
  attack('a head that names one platform twice', 'HEAD_INVALID', 'schema', (rig) =>
    rig.place('edge.jws', rig.head({ targets: [...targets(rig, {}), ...targets(rig, {})] })),
  ),
  attack('mix-and-match: the bundle of another product', 'WRONG_PRODUCT', 'fit', async (rig) =>
    rig.offer(await bundleWith(rig, { product: 'coresdk-other' }), rig.good.digest),
  ),
  head('mix-and-match: the head of another product', 'HEAD_WRONG_CHANNEL', 'fit', () => ({
    aud: 'coresdk-other',
  })),
  head('mix-and-match: a head that says it is of another channel', 'HEAD_WRONG_CHANNEL', 'fit', () => ({
    sub: 'stable',
  })),
  attack(
    'mix-and-match: the stable head in the place of the edge head',
    'JWS_KEY_NOT_ALLOWED',
    'binding',
    (rig) =>
      rig.place(
        'edge.jws',
        craft({
          key: rig.keys['head-stable'],
          typ: 'coresdk-head+jwt',
          payload: json(rig.claims({ sub: 'stable' })),
        }),
      ),
  ),
  attack('an air-gapped bundle by the feed', 'WRONG_AUDIENCE', 'fit', async (rig) =>
    rig.offer((await rig.maker('airgap bundle')).make(), rig.good.digest),
  ),
  attack('a bundle that needs a newer updater', 'UPDATER_TOO_OLD', 'fit', async (rig) =>
    rig.offer(await bundleWith(rig, { min_updater: '99.0.0' }), rig.good.digest),
  ),
  attack('other bytes of the size that the head names', 'JWS_SIGNATURE_INVALID', 'named', async (rig) => {
    const bytes = Buffer.from(rig.good.bytes);
    await rig.offer(bytes, rig.good.digest);
    bytes[bytes.length - 20] = bytes[bytes.length - 20] === 0x41 ? 0x42 : 0x41;
    rig.host.feed.fault(answer((url) => url.startsWith('/bundles/'), bytes));
  }),
  attack(
    'another right bundle of the size that the head names',
    'BUNDLE_CHECKSUM_MISMATCH',
    'named',
    async (rig) => {
      const other = await bundleWith(rig, { notes: 'other' });
      const named = await bundleWith(rig, { notes: 'right' });
      if (other.length !== named.length) throw new Error('expected two bundles of one size');
      await rig.offer(named, rig.good.digest);
      rig.host.feed.fault(answer((url) => url.startsWith('/bundles/'), other));
    },
  ),
];

const isHead = (url: string): boolean => url === '/edge.jws';
const isBundle = (url: string): boolean => url.startsWith('/bundles/');

function answer(
  which: (url: string) => boolean,
  bytes: Uint8Array,
  headers: Record<string, string | number> = {},
): Fault {
  return (request, response) => {
    if (!which(request.url ?? '')) return false;
    response.writeHead(200, headers).end(bytes);
    return true;
  };
}

/** Sends what looks like base64url for ever, until the client hangs up. */
function endless(response: ServerResponse): void {
  response.writeHead(200);
  const more = (): void => {
    while (!response.destroyed && response.write('A'.repeat(65_536)));
  };
  response.on('drain', more);
  more();
}

const fault = (
  name: string,
  code: ErrorCode,
  defence: Defence,
  make: (rig: Rig) => Fault | Promise<Fault>,
): FeedAttack =>
  attack(name, code, defence, async (rig) => {
    await rig.place('edge.jws', rig.head());
    rig.host.feed.fault(await make(rig));
  });

const redirect =
  (which: (url: string) => boolean, status: number, to: (rig: Rig) => string) =>
  (rig: Rig): Fault =>
  (request, response) => {
    if (!which(request.url ?? '')) return false;
    response.writeHead(status, { location: to(rig) }).end();
    return true;
  };

/** The same server under another name is another origin. */
const otherOrigin =
  (path: string) =>
  (rig: Rig): string =>
    `${rig.host.feed.url.replace('127.0.0.1', 'localhost')}${path}`;

const transfers: FeedAttack[] = [
  fault('an endless head', 'JWS_TOO_LARGE', 'caps', () => (request, response) => {
    if (!isHead(request.url ?? '')) return false;
    endless(response);
    return true;
  }),
  fault('an endless bundle', 'DOWNLOAD_TOO_LARGE', 'caps', () => (request, response) => {
    if (!isBundle(request.url ?? '')) return false;
    endless(response);
    return true;
  }),
  attack('a right head of more than its cap', 'JWS_TOO_LARGE', 'caps', (rig) =>
    rig.place('edge.jws', rig.head({ blocked: Array.from({ length: 5_000 }, (_, n) => `1.0.${String(n)}`) })),
  ),
  fault(
    'a head that is announced with more than its cap',
    'JWS_TOO_LARGE',
    'caps',
    () => (request, response) => {
      if (!isHead(request.url ?? '')) return false;
      response.writeHead(200, { 'content-length': 10_000_000 });
      response.write('A');
      return true;
    },
  ),
  fault('a compressed head', 'FEED_REFUSED', 'caps', (rig) =>
    answer(isHead, gzipSync(rig.head()), { 'content-encoding': 'gzip' }),
  ),
  fault('a compressed bundle', 'FEED_REFUSED', 'caps', () =>
    answer(isBundle, gzipSync(Buffer.alloc(10_000_000)), { 'content-encoding': 'gzip' }),
  ),
  fault('a bundle of fewer bytes than the head names', 'DOWNLOAD_TRUNCATED', 'named', (rig) =>
    answer(isBundle, rig.good.bytes.subarray(0, -1)),
  ),
  fault('a bundle of more bytes than the head names', 'DOWNLOAD_TOO_LARGE', 'named', (rig) =>
    answer(isBundle, Buffer.concat([rig.good.bytes, Buffer.alloc(1)])),
  ),
  fault(
    'a redirect of the head to another origin',
    'FEED_REDIRECTED',
    'origin',
    redirect(isHead, 302, otherOrigin('/edge.jws')),
  ),
  fault(
    'a redirect of the bundle to another origin',
    'FEED_REDIRECTED',
    'origin',
    redirect(isBundle, 307, otherOrigin('/bundles/good.jws')),
  ),
  fault(
    'a redirect of the bundle within the feed',
    'FEED_REDIRECTED',
    'origin',
    redirect(isBundle, 301, () => '/bundles/other.jws'),
  ),
  fault(
    'a redirect of the head to a file',
    'FEED_REDIRECTED',
    'origin',
    redirect(isHead, 308, () => 'file:///etc/passwd'),
  ),
  fault('a range that nobody asked for', 'FEED_REFUSED', 'named', (rig) => (request, response) => {
    if (!isBundle(request.url ?? '')) return false;
    response.writeHead(206, { 'content-range': `bytes 1-9/${String(rig.good.bytes.length)}` }).end('A');
    return true;
  }),
];

const PATHS: readonly (readonly [string, string])[] = [
  ['..', '../good.jws'],
  ['.. in its middle', 'bundles/../good.jws'],
  ['an encoded ..', 'bundles/%2e%2e/good.jws'],
  ['an absolute path', '/bundles/good.jws'],
  ['a query', 'bundles/good.jws?x=1'],
  ['a fragment', 'bundles/good.jws#x'],
  ['another host', '//attacker.invalid/good.jws'],
  ['a whole URL', 'http://attacker.invalid/good.jws'],
  ['the file scheme', 'file:///etc/passwd'],
  ['a backslash', 'bundles\\good.jws'],
  ['an empty segment', 'bundles//good.jws'],
  ['a dot-file', '.git/config'],
  ['a line feed', 'bundles/good.jws\n'],
  ['a NUL', 'bundles/good.jws\0'],
  ['a user and a password', 'user:password@attacker.invalid'],
  ['300 characters', 'a'.repeat(300)],
  ['nothing', ''],
];

const paths: FeedAttack[] = PATHS.map(([what, path]) =>
  attack(`a path in the head with ${what}`, 'HEAD_INVALID', 'origin', (rig) =>
    rig.place('edge.jws', rig.head({ targets: targets(rig, {}, { path }) })),
  ),
);

const shapes: FeedAttack[] = [
  attack('a bundle of no bytes', 'HEAD_INVALID', 'schema', (rig) =>
    rig.place('edge.jws', rig.head({ targets: targets(rig, {}, { size: 0 }) })),
  ),
  attack('a bundle of a terabyte', 'HEAD_INVALID', 'caps', (rig) =>
    rig.place('edge.jws', rig.head({ targets: targets(rig, {}, { size: 2 ** 40 }) })),
  ),
  attack('a SHA-256 that is a path', 'HEAD_INVALID', 'schema', (rig) =>
    rig.place('edge.jws', rig.head({ targets: targets(rig, {}, { sha256: `../${'a'.repeat(61)}` }) })),
  ),
  attack('a release that has deltas alone', 'HEAD_INVALID', 'schema', (rig) =>
    rig.place('edge.jws', rig.head({ targets: targets(rig, {}, { base: 'a'.repeat(64) }) })),
  ),
  attack('a release that has two full bundles', 'HEAD_INVALID', 'schema', (rig) => {
    const [target] = targets(rig, {}) as [{ bundles: unknown[] }];
    const twice = { ...target, bundles: [...target.bundles, ...target.bundles] };
    return rig.place('edge.jws', rig.head({ targets: [twice] }));
  }),
  head('a version that is a path', 'HEAD_INVALID', 'schema', () => ({ version: '9.0.0/../../x' })),
  head('a version with build metadata', 'HEAD_INVALID', 'schema', () => ({ version: '9.0.0+x' })),
  head('a bake on edge', 'HEAD_INVALID', 'schema', () => ({ bake: 'x' })),
  head('a security override on edge', 'HEAD_INVALID', 'schema', () => ({
    security: { reason: 'x', at: seconds() },
  })),
];

/** Every attack on the edge channel. */
export const FEED_ATTACKS: readonly FeedAttack[] = [
  ...numbers,
  ...dates,
  ...versions,
  ...fits,
  ...transfers,
  ...paths,
  ...shapes,
];
