import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { verifyBundleSignature } from '../../src/bundle/bundle-signature.ts';
import type { TrustSet } from '../../src/bundle/trust.ts';
import { UpdateError } from '../../src/errors.ts';
import { makeSigner } from '../../src/publish/signer.ts';
import {
  forge,
  headClaims,
  membersOf,
  archive,
  packed,
  privateKey,
  type Forgery,
} from '../fixtures/forge.ts';
import { testKeys } from '../fixtures/keys.ts';
import { memoryFile, readBundle } from '../fixtures/memory-bundle.ts';
import { noise } from '../fixtures/noise.ts';
import { refusal } from '../fixtures/refusal.ts';
import { makeRelease } from '../fixtures/release.ts';

const { signal } = new AbortController();
let trust: TrustSet;
let right: Buffer;
beforeAll(async () => {
  ({ trust } = await testKeys());
  right = await archive(membersOf([packed('run', Buffer.from('x'))]));
});

const bundle = (change: Partial<Forgery> = {}): Promise<Buffer> =>
  forge({ purpose: 'bundle', payload: right, ...change });
const verdict = (bytes: Buffer): Promise<string> =>
  refusal(verifyBundleSignature(memoryFile(bytes), trust, signal));

describe('verifyBundleSignature', () => {
  it.each(['bundle', 'airgap'] as const)('accepts a signature by the key %s', async (purpose) => {
    const bytes = await bundle({ purpose });
    const signed = await verifyBundleSignature(memoryFile(bytes), trust, signal);
    const [header = '', payload = ''] = bytes.toString('latin1').split('.');
    expect(signed.payload).toEqual({ start: header.length + 1, length: payload.length });
    expect(signed.size).toBe(bytes.length);
    expect(signed.audiences).toEqual(purpose === 'bundle' ? ['stable', 'edge'] : ['airgap']);
    expect(signed.blocks.count).toBe(1);
  });

  it.each<[string, string, Partial<Forgery>]>([
    ['an extra header member', 'JWS_HEADER_INVALID', { header: { crit: ['b64'], b64: false } }],
    ['the type of a head', 'JWS_TYPE_MISMATCH', { header: { typ: 'coresdk-head+jwt' } }],
    ['an unknown key', 'JWS_KEY_UNKNOWN', { header: { kid: 'A'.repeat(43) } }],
    ['a head key', 'JWS_KEY_NOT_ALLOWED', { purpose: 'head-stable', header: { typ: 'coresdk-bundle+jws' } }],
    ['ES256 in the name of an RS256 key', 'JWS_ALGORITHM_MISMATCH', { header: { alg: 'ES256' } }],
    [
      'RS256 in the name of an ES256 key',
      'JWS_ALGORITHM_MISMATCH',
      { purpose: 'airgap', header: { alg: 'RS256' } },
    ],
    ['a payload with a dot in it', 'JWS_MALFORMED', { payloadText: 'AAAA.AAA' }],
    ['a payload with an incomplete group', 'JWS_MALFORMED', { payloadText: 'AAAAAA' }],
    ['an empty payload', 'JWS_MALFORMED', { payloadText: '' }],
  ])('refuses %s with %s', async (_, code, change) => {
    expect(await verdict(await bundle(change))).toBe(code);
  });

  it('refuses the signature of another key', async () => {
    const { kid } = makeSigner(await privateKey('bundle'));
    expect(
      await verdict(await bundle({ purpose: 'head-edge', header: { kid, typ: 'coresdk-bundle+jws' } })),
    ).toBe('JWS_SIGNATURE_INVALID');
  });

  it('refuses a signature in DER, and one of zeros', async () => {
    const bytes = (await bundle({ purpose: 'airgap' })).toString('latin1');
    const [header = '', payload = ''] = bytes.split('.');
    for (const [length, code] of [
      [64, 'JWS_SIGNATURE_INVALID'],
      [70, 'JWS_MALFORMED'],
      [63, 'JWS_MALFORMED'],
      [0, 'JWS_MALFORMED'],
    ] as const) {
      const signature = Buffer.alloc(length).toString('base64url');
      expect(await verdict(Buffer.from(`${header}.${payload}.${signature}`)), String(length)).toBe(code);
    }
  });

  it('refuses a document without a second dot', async () => {
    const [header = ''] = (await bundle()).toString('latin1').split('.');
    expect(await verdict(Buffer.from(`${header}.${'A'.repeat(2048 + 1 + 342)}`))).toBe('JWS_MALFORMED');
  });

  it('refuses what is cut, longer, empty, or something else', async () => {
    const bytes = await bundle();
    const newline = Buffer.concat([bytes, Buffer.from('\n')]);
    for (const wrong of [
      bytes.subarray(0, -1),
      bytes.subarray(1),
      newline,
      bytes.subarray(0, bytes.length / 2),
    ])
      expect(['JWS_MALFORMED', 'JWS_HEADER_INVALID']).toContain(await verdict(wrong));
    for (const wrong of ['', '.', '..', 'A'.repeat(5000)]) {
      const code = await verdict(Buffer.from(wrong));
      expect(['JWS_MALFORMED', 'JWS_HEADER_INVALID', 'JSON_INVALID'], JSON.stringify(wrong)).toContain(code);
    }
    const head = await forge({ purpose: 'head-stable', payload: headClaims(0) });
    expect(await verdict(head)).toBe('JWS_TYPE_MISMATCH');
  });

  it('finds a changed byte wherever it is in a bundle of many blocks', async () => {
    const made = await makeRelease({
      version: '1.0.0',
      files: [{ path: 'run', source: noise(2_500_000), mode: 0o755 }],
      entrypoint: 'run',
    });
    const bytes = await readFile(made.path);
    expect(bytes.length).toBeGreaterThan(3 * 1024 * 1024);
    for (const at of [1000, 1024 * 1024 - 1, 1024 * 1024, 2 * 1024 * 1024 + 5, bytes.length - 400]) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8(bytes.readUInt8(at) === 65 ? 66 : 65, at);
      expect(await verdict(changed), String(at)).toBe('JWS_SIGNATURE_INVALID');
    }
  });

  it('puts no block boundary where it would lose a byte', async () => {
    // The payload grows by 2048 characters a step, so that header, dot and signature meet a boundary of blocks in between.
    const member = membersOf([packed('run', Buffer.from('x'))]);
    for (let units = 508; units < 514; units += 1) {
      const payload = Buffer.concat([await archive(member), Buffer.alloc((units - 2) * 1536)]);
      expect((await readBundle(await bundle({ payload }), trust)).files.size).toBe(1);
    }
  });

  it('refuses a file that becomes shorter while it is read, and one that cannot be read', async () => {
    const file = memoryFile(await bundle());
    const short = { ...file, size: file.size + 4 };
    expect(await refusal(verifyBundleSignature(short, trust, signal))).toBe('BUNDLE_CHANGED');
    const broken = { ...file, read: () => Promise.reject(new Error('EIO')) };
    expect(await refusal(verifyBundleSignature(broken, trust, signal))).toBe('BUNDLE_NOT_FOUND');
    const huge = { ...file, size: 9 * 1024 ** 3 };
    expect(await refusal(verifyBundleSignature(huge, trust, signal))).toBe('JWS_TOO_LARGE');
  });

  it('stops when it is cancelled', async () => {
    const step = verifyBundleSignature(memoryFile(await bundle()), trust, AbortSignal.abort());
    expect(await refusal(step)).toBe('CANCELLED');
  });

  it('refuses a key that has ended, when it is told the time', async () => {
    const bytes = await bundle();
    const { kid } = makeSigner(await privateKey('bundle'));
    const key = trust.keys.get(kid);
    if (key === undefined) throw new Error('no such key');
    const ended = { ...trust, keys: new Map([[kid, { ...key, notAfter: 1000 }]]) };
    const at = (now: number): Promise<unknown> =>
      verifyBundleSignature(memoryFile(bytes), ended, signal, { now });
    expect(await refusal(at(1001))).toBe('JWS_KEY_NOT_ALLOWED');
    expect(await at(1000)).toMatchObject({ kid });
  });

  it('refuses a bundle with any one byte changed', async () => {
    const bytes = await bundle();
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const changed = Buffer.from(bytes);
        changed.writeUInt8(bytes.readUInt8(at) ^ flip, at);
        await verdict(changed);
      }),
      { numRuns: 300 },
    );
  });

  it('rejects with nothing but UpdateError, whatever is signed', async () => {
    const wrong = fc.oneof(
      fc.uint8Array({ maxLength: 3000 }),
      fc
        .tuple(fc.nat(right.length - 1), fc.uint8Array({ minLength: 1, maxLength: 600 }))
        .map(([at, noisy]) => {
          const changed = Buffer.from(right);
          changed.set(noisy.subarray(0, changed.length - at), at);
          return changed;
        }),
    );
    await fc.assert(
      fc.asyncProperty(wrong, async (payload) => {
        try {
          await readBundle(await bundle({ payload }), trust);
        } catch (error) {
          expect(error).toBeInstanceOf(UpdateError);
          expect(error).not.toMatchObject({ code: 'INTERNAL' });
        }
      }),
      { numRuns: 150 },
    );
  });
});
