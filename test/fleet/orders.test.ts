import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodeDisk } from '../../src/adapters/disk.ts';
import { readOperatorKeys } from '../../src/adapters/operator-keys.ts';
import { openOrderStore } from '../../src/adapters/order-store.ts';
import { openOrderBook, type KeptOrders, type OrderBookOptions } from '../../src/fleet/order-book.ts';
import { importOperatorKeys, signOrder, verifyOrder } from '../../src/fleet/orders.ts';
import { ORDER_TYPE, type OrderPayload } from '../../src/fleet/records.ts';
import { makeSigner } from '../../src/publish/signer.ts';
import { createFakeReporter } from '../fakes/reporter.ts';
import { refusal } from '../fixtures/refusal.ts';

const NOW = Date.UTC(2026, 10, 23);
const DIGEST = 'a'.repeat(64);
const RELEASE = { version: '1.1.0', digest: DIGEST };
const PRODUCT = 'coresdk-sidecar';

const keyPair = (): { privateKey: KeyObject; publicKey: KeyObject } =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwks = (...keys: KeyObject[]): Buffer =>
  Buffer.from(JSON.stringify({ keys: keys.map((key) => key.export({ format: 'jwk' })) }));
const operator = keyPair();
const signer = makeSigner(operator.privateKey);
const keys = importOperatorKeys(jwks(operator.publicKey), 'keys');
const rule = { keys, product: PRODUCT, now: NOW };
const order = (change: Partial<OrderPayload> = {}): OrderPayload => ({
  iss: 'controller',
  aud: PRODUCT,
  iat: NOW / 1000,
  seq: 1,
  action: 'halt',
  release: RELEASE,
  reason: '3 of 10 hosts went back',
  ...change,
});
const signed = (change: Partial<OrderPayload> = {}): Promise<Uint8Array> => signOrder(order(change), signer);

describe('an order', () => {
  it('is believed when an operators’ key signed it', async () => {
    expect(await verifyOrder(await signed(), rule)).toEqual({ payload: order(), kid: signer.kid });
  });

  it.each([
    [
      'a key of nobody',
      async () => signOrder(order(), makeSigner(keyPair().privateKey)),
      /a key of the trust set/,
    ],
    [
      'another product',
      () => signed({ aud: 'other' }),
      /expected an order for coresdk-sidecar, found one for other/,
    ],
    [
      'the future, that lets go on',
      () => signed({ iat: NOW / 1000 + 600, action: 'resume' }),
      /signed by now/,
    ],
    ['nobody', async () => Buffer.from('halt everything'), /three parts/],
    [
      'whoever changed it',
      async () =>
        Buffer.from(
          Buffer.from(await signed())
            .toString('latin1')
            .replace(/.{4}$/, 'AAAA'),
          'latin1',
        ),
      /expected a signature/,
    ],
    [
      'a document of another type',
      async () =>
        Buffer.from(
          await signer.signSmall(Buffer.from(JSON.stringify(order())), 'coresdk-head+jwt'),
          'latin1',
        ),
      /coresdk-order\+jwt/,
    ],
    [
      'with a member that is not known',
      async () =>
        Buffer.from(
          await signer.signSmall(Buffer.from(JSON.stringify({ ...order(), only_group: 'web' })), ORDER_TYPE),
          'latin1',
        ),
      /only_group/,
    ],
  ])('of %s is not', async (_, bytes, why) => {
    await expect(verifyOrder(await bytes(), rule)).rejects.toMatchObject({ code: 'HALT_INVALID' });
    await expect(verifyOrder(await bytes(), rule)).rejects.toThrow(why);
  });

  it('is not signed by another kind of key', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    expect(await refusal(signOrder(order(), makeSigner(privateKey)))).toBe('SIGNING_FAILED');
  });
});

describe('the operators’ keys', () => {
  it('are public EC P-256 keys, and nothing else', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
    for (const bad of [jwks(rsa.publicKey), jwks(operator.privateKey), jwks(), Buffer.from('{')])
      expect(() => importOperatorKeys(bad, 'keys')).toThrow(/expected a JWK set of EC P-256 public keys/);
  });

  it('are not read from a file that others can write', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'order-keys-'));
    const path = join(folder, 'keys.json');
    try {
      await writeFile(path, jwks(operator.publicKey), { mode: 0o644 });
      expect([...(await readOperatorKeys(path)).keys()]).toEqual([signer.kid]);
      await chmod(path, 0o666);
      await expect(readOperatorKeys(path)).rejects.toThrow(/chmod go-w/);
      await expect(readOperatorKeys(join(folder, 'none'))).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('the book of orders', () => {
  const memory = (): KeptOrders & { readonly files: Map<string, Uint8Array> } => {
    const files = new Map<string, Uint8Array>();
    return {
      files,
      read: () => Promise.resolve(files),
      write: (digest, bytes) => Promise.resolve(void files.set(digest, bytes)),
      remove: (digest) => Promise.resolve(void files.delete(digest)),
    };
  };
  const openBook = async (more: Partial<OrderBookOptions> = {}) => {
    const reporter = createFakeReporter();
    const clock = { time: NOW, now: () => clock.time };
    const store = memory();
    const book = await openOrderBook({ keys, product: PRODUCT, store, clock, reporter, ...more });
    return { book, reporter, clock, store };
  };

  it('halts the release that was halted, and no other', async () => {
    const { book } = await openBook();
    expect(await book.halted(RELEASE)).toBeNull();
    await book.take(await signed());
    expect(await book.halted(RELEASE)).toMatchObject({
      code: 'ROLLOUT_HALTED',
      message: '1.1.0 was halted by controller at 2026-11-23T00:00:00.000Z: 3 of 10 hosts went back',
    });
    expect(await book.halted({ version: '1.2.0', digest: 'b'.repeat(64) })).toBeNull();
    expect(book.inForce()).toHaveLength(1);
  });

  it('goes on when it is told so, and never back to an older order', async () => {
    const { book } = await openBook();
    const halt = await signed();
    await book.take(halt);
    await book.take(await signed({ seq: 2, action: 'resume' }));
    await book.take(halt);
    expect(await book.halted(RELEASE)).toBeNull();
    await book.take(await signed({ seq: 3 }));
    expect(await book.halted(RELEASE)).not.toBeNull();
  });

  it('halts whatever the clock says, on disk too: a host may start in 1970', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'orders-'));
    try {
      const store = openOrderStore(nodeDisk, join(folder, 'orders'));
      const clock = { now: () => 0 };
      const first = await openBook({ store, clock });
      await first.book.take(await signed());
      expect(await first.book.halted(RELEASE)).not.toBeNull();
      const { book, reporter } = await openBook({ store, clock });
      expect(await book.halted(RELEASE)).not.toBeNull();
      expect(reporter.warnings()).toEqual([]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('tells of what is not signed, and does not obey it', async () => {
    const { book, reporter } = await openBook();
    await book.take(Buffer.from('{"action":"halt"}'));
    await book.take(await signOrder(order(), makeSigner(keyPair().privateKey)));
    expect(await book.halted(RELEASE)).toBeNull();
    expect(reporter.warnings().map(({ code }) => code)).toEqual(['HALT_INVALID', 'HALT_INVALID']);
  });

  it('lets a halt end when its time is over', async () => {
    const { book, clock } = await openBook();
    await book.take(await signed({ exp: NOW / 1000 + 60 }));
    expect(await book.halted(RELEASE)).not.toBeNull();
    clock.time += 60_000;
    expect(await book.halted(RELEASE)).toBeNull();
  });

  it('outlasts a restart, and believes nothing on disk that was changed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'orders-'));
    try {
      const store = openOrderStore(nodeDisk, join(folder, 'orders'));
      const first = await openBook({ store });
      await first.book.take(await signed());
      expect(await (await openBook({ store })).book.halted(RELEASE)).not.toBeNull();
      await writeFile(join(folder, 'orders', `${'b'.repeat(64)}.jws`), await signed());
      await writeFile(join(folder, 'orders', `${DIGEST}.jws`), 'x');
      const { book, reporter } = await openBook({ store });
      expect(await book.halted(RELEASE)).toBeNull();
      expect(reporter.warnings()).toHaveLength(2);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('holds a halt that cannot be written, and writes it when it comes again', async () => {
    let full = true;
    const store = memory();
    const { book, reporter } = await openBook({
      store: {
        ...store,
        write: (digest, bytes) =>
          full ? Promise.reject(new Error('disk full')) : store.write(digest, bytes),
      },
    });
    await book.take(await signed());
    expect(await book.halted(RELEASE)).not.toBeNull();
    expect(reporter.warnings()).toHaveLength(1);
    full = false;
    await book.take(await signed());
    expect(store.files.has(DIGEST)).toBe(true);
  });

  it('asks before it says that there is none; nobody there changes nothing', async () => {
    const halt = await signed();
    const asked: string[] = [];
    const ask = (digest: string): Promise<readonly Uint8Array[]> => {
      asked.push(digest);
      return Promise.resolve([halt]);
    };
    expect(await (await openBook({ ask })).book.halted(RELEASE)).not.toBeNull();
    expect(asked).toEqual([DIGEST]);
    const away = await openBook({ ask: () => Promise.reject(new Error('gone')) });
    expect(await away.book.halted(RELEASE)).toBeNull();
  });

  it('does not grow for ever', async () => {
    const { book, store } = await openBook();
    for (let at = 0; at < 70; at += 1)
      await book.take(
        await signed({
          iat: NOW / 1000 - 100 + at,
          release: { version: '1.1.0', digest: at.toString(16).padStart(64, '0') },
        }),
      );
    expect(store.files.size).toBe(64);
    expect(await book.halted({ version: '1.1.0', digest: '0'.repeat(64) })).toBeNull();
  });
});
