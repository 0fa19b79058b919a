import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Ajv } from 'ajv';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { build, type Built } from '../../scripts/build.ts';
import { writeDocuments, type Documents } from '../../scripts/build/documents.ts';
import { licencesOf } from '../../scripts/build/licences.ts';
import { hostArch } from '../../scripts/build/runtime.ts';

const ROOT = join(import.meta.dirname, '../..');
const SCHEMAS = join(ROOT, 'node_modules/@cyclonedx/cyclonedx-library/res/schema');

let folder: string;
let built: Built;
let documents: Documents;
let first: readonly string[];

const texts = (): Promise<string[]> =>
  Promise.all(Object.values(documents).map((file: string) => readFile(file, 'utf8')));

/** The program is built anew, with what it was built with for all tests: so it has to be the same. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'coresdk-documents-'));
  const trust = join(inject('built').keys, 'trust.json');
  built = await build({ out: join(folder, 'a'), trust, version: '1.0.0' });
  documents = await writeDocuments(built, hostArch());
  first = await texts();
  await writeDocuments(built, hostArch());
}, 120_000);
afterAll(() => rm(folder, { recursive: true }));

const json = async (file: string): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;

interface Component {
  readonly name: string;
  readonly version: string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly components?: readonly Component[];
}

describe('an executable that is built again', () => {
  it('is the same, byte by byte', async () => {
    expect(Buffer.compare(await readFile(built.program), await readFile(inject('built').program))).toBe(0);
  });
});

describe('what an executable starts with', () => {
  it('is little: each role is a part of its own, which `--version` does not pay for', () => {
    // A role that slipped out of the parts (`scripts/build/parts.ts`) brings its libraries along.
    expect(built.metafile.outputs['0.js']?.bytes).toBeLessThan(100_000);
  });
});

describe('beside the executable', () => {
  it('the same is written again, without a path of this machine', async () => {
    expect(await texts()).toEqual(first);
    for (const text of first) for (const place of [ROOT, `${tmpdir()}/`]) expect(text).not.toContain(place);
  });

  it('stands its SHA-256, which sha256sum checks', async () => {
    const { stdout } = await promisify(execFile)('sha256sum', ['--check', documents.checksum], {
      cwd: join(folder, 'a'),
    });
    expect(stdout).toBe('coresdk-sidecar: OK\n');
  });

  it('is a bill of materials, valid CycloneDX 1.6, of the program, its Node and each package inside', async () => {
    const bom = await json(documents.sbom);
    const ajv = new Ajv({ strict: false, validateFormats: false });
    for (const name of ['spdx', 'jsf-0.82'])
      ajv.addSchema(
        await json(join(SCHEMAS, `${name}.SNAPSHOT.schema.json`)),
        `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`,
      );
    const valid = ajv.compile(await json(join(SCHEMAS, 'bom-1.6.SNAPSHOT.schema.json')));
    expect(valid(bom), JSON.stringify(valid.errors)).toBe(true);
    expect(bom).not.toHaveProperty('serialNumber');
    const { component } = bom['metadata'] as { component: Component };
    const checksum = (await readFile(documents.checksum, 'utf8')).split(' ')[0];
    expect(component).toMatchObject({
      name: 'coresdk-sidecar',
      version: '1.0.0',
      hashes: [{ alg: 'SHA-256', content: checksum }],
    });
    const components = bom['components'] as Component[];
    const node = components.find(({ name }) => name === 'node');
    expect(node?.version).toBe(process.versions.node);
    expect(node?.components?.map(({ name, version }) => `${name} ${version}`)).toEqual(
      expect.arrayContaining([`openssl ${process.versions.openssl}`, `v8 ${process.versions.v8}`]),
    );
    for (const name of ['undici', 'xstate', 'jose', 'fastify'])
      expect(components.map((each) => each.name)).toContain(name);
  });

  it('are the licences of the program, of Node and of each package that the bill names', async () => {
    const text = await readFile(documents.licences, 'utf8');
    const { components } = (await json(documents.sbom)) as unknown as {
      components: (Component & { group?: string })[];
    };
    for (const { group, name, version } of components) {
      const title =
        name === 'node'
          ? `Node.js ${version}`
          : `${group === undefined ? '' : `${group}/`}${name} ${version}`;
      expect(text).toContain(title);
    }
    expect(text).toContain('Apache License');
  });

  it('a package without any licence is not built in', async () => {
    const inner = { name: 'x', version: '1.0.0', licence: null, folder };
    await expect(licencesOf([inner], '26.10.0')).rejects.toThrow(
      'x 1.0.0 is inside of the program, and has no licence',
    );
  });
});
