/** The properties: each says what must hold for whatever bytes come. Tried for seconds by the tests, for minutes by `npm run fuzz`. */
import fc from 'fast-check';
import { readManifestUnchecked } from '../../src/bundle/bundle-reader.ts';
import { verifyHead } from '../../src/bundle/head-document.ts';
import { parseStrictJson } from '../../src/bundle/strict-json.ts';
import { importTrustSet } from '../../src/bundle/trust-set.ts';
import { parseConfig } from '../../src/config/document.ts';
import { fileSchema } from '../../src/config/schema.ts';
import {
  applyBody,
  emptyBody,
  historyQuery,
  readRequest,
  rollbackBody,
  updateBody,
} from '../../src/control/schemas/requests.ts';
import { craft } from '../attack/support/craft.ts';
import { memoryFile, readBundle, verdict, type Material } from './support.ts';

/** One property, ready to be checked. */
export interface Property {
  readonly name: string;
  /** Cases a second, about: `npm test` tries half a second of each. */
  readonly perSecond: number;
  readonly make: (material: Material) => fc.IAsyncProperty<unknown>;
}

const fail = (what: string): never => {
  throw new Error(what);
};

/** A document with one byte of another value. */
const oneByteOff = (document: Buffer): fc.Arbitrary<Buffer> =>
  fc.tuple(fc.nat(document.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, mask]) => {
    const bytes = Buffer.from(document);
    bytes[at] = (bytes[at] ?? 0) ^ mask;
    return bytes;
  });

/** One edit: what stands at `at` (a share of the length), `cut` bytes, is replaced by `put`. */
const edit = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  cut: fc.nat(40),
  put: fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.string({ maxLength: 20 }).map((text) => Buffer.from(text)),
  ),
});

/** A document with a few edits: bytes changed, left out, put in. */
const edited = (document: Uint8Array): fc.Arbitrary<Buffer> =>
  fc.array(edit, { minLength: 1, maxLength: 4 }).map((edits) =>
    edits.reduce<Buffer>((bytes, { at, cut, put }) => {
      const from = Math.floor(at * bytes.length);
      return Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(from + cut)]);
    }, Buffer.from(document)),
  );

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 2000 }),
  fc.string({ maxLength: 500, unit: 'binary' }).map((text) => Buffer.from(text)),
  fc.json({ maxDepth: 6 }).map((text) => Buffer.from(text)),
  fc
    .tuple(fc.base64String(), fc.base64String(), fc.base64String())
    .map((parts) => Buffer.from(parts.join('.').replaceAll('=', ''))),
);

const payloadOf = (document: Buffer): Buffer =>
  Buffer.from(document.toString('latin1').split('.')[1] ?? '', 'base64url');

const asHead =
  ({ trust, product, now }: Material) =>
  (document: Uint8Array): Promise<string> =>
    verdict(() => verifyHead(document, { trust, channel: 'edge', product, now }));

const asBundle =
  ({ trust }: Material) =>
  (document: Uint8Array): Promise<string> =>
    verdict(() => readBundle(document, trust));

async function refused(judge: (document: Uint8Array) => Promise<string>, document: Buffer): Promise<void> {
  if ((await judge(document)) === 'accepted') fail('it was accepted');
}

/** Edits may cancel each other out. */
async function refusedUnless(
  same: Buffer,
  judge: (document: Uint8Array) => Promise<string>,
  document: Buffer,
): Promise<void> {
  if (!document.equals(same)) await refused(judge, document);
}

const property = <T>(
  arbitrary: fc.Arbitrary<T>,
  holds: (value: T) => Promise<unknown>,
): fc.IAsyncProperty<unknown> =>
  fc.asyncProperty(arbitrary, async (value) => {
    await holds(value);
  });

/** Members that mean something somewhere, so that random objects get past the first check. */
const names = fc.constantFrom(
  'update',
  'channel',
  'workload',
  'command',
  'probe',
  'env',
  'path',
  'dry_run',
  'version',
  'limit',
  'keys',
  'jwk',
  'kid',
  '__proto__',
  'constructor',
);
const values = fc.oneof(
  fc.jsonValue({ maxDepth: 4 }),
  fc.dictionary(names, fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.dictionary(names, fc.jsonValue()))),
  fc.anything({ maxDepth: 2 }),
);

/** Every property. */
export const PROPERTIES: readonly Property[] = [
  {
    name: 'a head with one byte changed is refused',
    perSecond: 2500,
    make: (material) => property(oneByteOff(material.head), (it) => refused(asHead(material), it)),
  },
  {
    name: 'a bundle with one byte changed is refused',
    perSecond: 1500,
    make: (material) =>
      property(fc.oneof(...material.bundles.map(oneByteOff)), (it) => refused(asBundle(material), it)),
  },
  {
    name: 'a head with anything changed is refused',
    perSecond: 2500,
    make: (material) =>
      property(edited(material.head), (it) => refusedUnless(material.head, asHead(material), it)),
  },
  {
    name: 'a bundle with anything changed is refused',
    perSecond: 1500,
    make: (material) => {
      const [bundle = Buffer.alloc(0)] = material.bundles;
      return property(edited(bundle), (it) => refusedUnless(bundle, asBundle(material), it));
    },
  },
  {
    name: 'a head of any bytes ends with an UpdateError',
    perSecond: 2500,
    make: (material) => property(bytes, (it) => refused(asHead(material), Buffer.from(it))),
  },
  {
    name: 'a bundle of any bytes ends with an UpdateError',
    perSecond: 1500,
    make: (material) => property(bytes, (it) => refused(asBundle(material), Buffer.from(it))),
  },
  {
    name: 'rightly signed claims of any shape are accepted or end with an UpdateError',
    perSecond: 800,
    make: (material) =>
      property(fc.oneof(bytes, edited(payloadOf(material.head))), (payload) =>
        asHead(material)(craft({ key: material.keys['head-edge'], typ: 'coresdk-head+jwt', payload })),
      ),
  },
  {
    name: 'a rightly signed archive of any shape is accepted or ends with an UpdateError',
    perSecond: 600,
    make: (material) => {
      const archive = payloadOf(material.bundles[0] ?? Buffer.alloc(0));
      return property(fc.oneof(bytes, oneByteOff(archive), edited(archive)), (it) => {
        const padded = Buffer.concat([it, Buffer.alloc((1536 - (it.length % 1536)) % 1536)]);
        return asBundle(material)(
          craft({ key: material.keys.bundle, typ: 'coresdk-bundle+jws', payload: padded }),
        );
      });
    },
  },
  {
    name: 'the manifest of an archive of any shape is read or ends with an UpdateError',
    perSecond: 800,
    make: (material) => {
      const archive = payloadOf(material.bundles[0] ?? Buffer.alloc(0));
      return property(fc.oneof(bytes, edited(archive)), (it) => {
        const text = Buffer.from(Buffer.from(it).toString('base64url'));
        const source = {
          size: text.length,
          payload: { start: 0, length: text.length },
          blocks: 'unverified',
        } as const;
        return verdict(() => readManifestUnchecked(memoryFile(text), source, new AbortController().signal));
      });
    },
  },
  {
    name: 'strict JSON of any bytes is read as JSON.parse reads it, or ends with an UpdateError',
    perSecond: 5000,
    make: (material) =>
      property(fc.oneof(bytes, edited(payloadOf(material.head))), async (it) => {
        let value: unknown;
        const found = await verdict(() => {
          value = parseStrictJson(it, 'it');
        });
        if (found !== 'accepted') return;
        const text = Buffer.from(it).toString('utf8');
        if (JSON.stringify(value) !== JSON.stringify(JSON.parse(text))) fail('it was read in another way');
      }),
  },
  {
    name: 'a trust file of any shape is imported or ends with an UpdateError',
    perSecond: 1500,
    make: ({ trustFile }) => {
      const text = Buffer.from(JSON.stringify(trustFile));
      const parsed = edited(text).map((it): unknown => {
        try {
          return JSON.parse(it.toString('utf8'));
        } catch {
          return it.toString('utf8');
        }
      });
      return property(fc.oneof(values, parsed), (it) => verdict(() => importTrustSet(it)));
    },
  },
  {
    name: 'a configuration of any bytes is read or ends with an UpdateError',
    perSecond: 600,
    make: () => {
      const example = Buffer.from(
        'update:\n  channel: stable # comment\n  check_interval: 3600\nworkload:\n  command: ["{binary}", "serve"]\n  env: { A: "b" }\nprobe: { url: "http://127.0.0.1:7701/healthz" }\nstate_dir: /var/lib/coresdk\n',
      );
      return property(fc.oneof(bytes, edited(example)), (it) =>
        verdict(() => {
          fileSchema.safeParse(parseConfig(it, 'sidecar.yaml').value);
        }),
      );
    },
  },
  {
    name: 'a request to the control API of any shape is read or ends with an UpdateError',
    perSecond: 4000,
    make: () => {
      const schemas = [emptyBody, updateBody, applyBody, rollbackBody, historyQuery];
      return property(values, async (it) => {
        for (const schema of schemas) await verdict(() => readRequest<unknown>(schema, 'body', it));
      });
    },
  },
];
