/**
 * The software bill of materials of an executable: CycloneDX 1.6 (cyclonedx.org/docs/1.6/json), JSON.
 *
 * Invariant: the same executable gives the same bytes: no serial number, no time, no path of this machine. The npm packages are those
 * that esbuild put in; Node is a component with what `process.versions` names inside of it.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { version as esbuildVersion, type Metafile } from 'esbuild';
import type { Embedded } from '../../src/embedded.ts';
import type { Arch } from './options.ts';
import { ROOT } from './root.ts';

const TOOL = join(ROOT, 'node_modules', '@cyclonedx', 'cyclonedx-esbuild', 'bin', 'cyclonedx-esbuild-cli.js');

interface Component {
  readonly type: string;
  readonly name: string;
  readonly group?: string;
  readonly version?: string;
  readonly 'bom-ref'?: string;
  readonly [more: string]: unknown;
}

interface Bom {
  readonly metadata: { readonly tools: { readonly components: Component[] }; readonly component: Component };
  readonly components: Component[];
  readonly dependencies: { readonly ref: string; readonly dependsOn?: string[] }[];
  readonly [more: string]: unknown;
}

/** What a bill is about. */
export interface Material {
  readonly metafile: Metafile;
  readonly embedded: Embedded;
  readonly arch: Arch;
  /** SHA-256 of the executable, in hex. */
  readonly sha256: string;
  readonly node: {
    readonly version: string;
    /** SHA-256 of Node's own program, in hex. */
    readonly sha256: string;
    /** What it says is inside of it, by name. */
    readonly versions: Readonly<Record<string, string>>;
  };
}

/** Versions in `process.versions` that are no software: Node's own, and numbers of interfaces. */
const NO_SOFTWARE = ['node', 'modules', 'napi'];

const sha256Of = (content: string): { alg: string; content: string }[] => [{ alg: 'SHA-256', content }];

function nodeComponent({ version, sha256, versions }: Material['node'], ref: string): Component {
  return {
    type: 'platform',
    'bom-ref': ref,
    name: 'node',
    version,
    description: 'Node.js, which runs the program',
    hashes: sha256Of(sha256),
    licenses: [{ license: { id: 'MIT', acknowledgement: 'declared' } }],
    cpe: `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*`,
    purl: `pkg:generic/node@${version}`,
    externalReferences: [{ type: 'website', url: 'https://nodejs.org' }],
    components: Object.entries(versions)
      .filter(([name, inner]) => inner !== '' && !NO_SOFTWARE.includes(name))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, inner]) => ({
        type: 'library',
        'bom-ref': `node/${name}@${inner}`,
        name,
        version: inner,
        purl: `pkg:generic/${name}@${encodeURIComponent(inner)}`,
      })),
  };
}

/** References by name and version; the tool's hold a hash of the package's folder, which is another one where it is linked to. */
function plainReferences(components: readonly Component[]): Map<string, string> {
  const plain = new Map<string, string>();
  const taken = new Map<string, number>();
  for (const component of components) {
    const name = [component.group, component.name].filter(Boolean).join('/');
    const base = `${name}@${component.version ?? ''}`;
    const count = (taken.get(base) ?? 0) + 1;
    taken.set(base, count);
    plain.set(component['bom-ref'] ?? '', count === 1 ? base : `${base}#${String(count)}`);
  }
  return plain;
}

async function billOfPackages(metafile: Metafile): Promise<Bom> {
  const folder = await mkdtemp(join(tmpdir(), 'coresdk-sbom-'));
  try {
    const [input, output] = [join(folder, 'metafile.json'), join(folder, 'bom.json')];
    await writeFile(input, JSON.stringify(metafile));
    const options = ['--output-reproducible', '--spec-version', '1.6', '--build-working-dir', ROOT];
    await promisify(execFile)(process.execPath, [TOOL, ...options, '--output-file', output, input]);
    return JSON.parse(await readFile(output, 'utf8')) as Bom;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * The bill of an executable.
 *
 * @returns JSON, with a newline at its end
 */
export async function sbomOf(material: Material): Promise<string> {
  const { embedded, arch, sha256, node } = material;
  const bom = await billOfPackages(material.metafile);
  const { 'bom-ref': toolRoot = '', licenses, description } = bom.metadata.component;
  const root = `coresdk-sidecar@${embedded.version}`;
  const nodeRef = `node@${node.version}`;
  const refs = plainReferences(bom.components).set(toolRoot, root);
  const plain = (ref: string): string => refs.get(ref) ?? ref;
  const dependencies = bom.dependencies.map(({ ref, dependsOn = [] }) => ({
    ref: plain(ref),
    dependsOn: [...dependsOn.map(plain), ...(ref === toolRoot ? [nodeRef] : [])].sort(),
  }));
  const tool = bom.metadata.tools.components.map(({ type, group, name, version }) => ({
    type,
    group,
    name,
    version,
  }));
  const result = {
    ...bom,
    metadata: {
      lifecycles: [{ phase: 'build' }],
      tools: {
        components: [...tool, { type: 'application', name: 'esbuild', version: esbuildVersion }],
      },
      component: {
        type: 'application',
        'bom-ref': root,
        name: 'coresdk-sidecar',
        version: embedded.version,
        description,
        licenses,
        hashes: sha256Of(sha256),
        properties: [
          { name: 'coresdk:commit', value: embedded.commit },
          { name: 'coresdk:platform', value: `linux-${arch}` },
        ],
      },
    },
    components: [
      nodeComponent(node, nodeRef),
      ...bom.components.map((component) => ({ ...component, 'bom-ref': plain(component['bom-ref'] ?? '') })),
    ],
    dependencies: [...dependencies, { ref: nodeRef }].sort((a, b) => (a.ref < b.ref ? -1 : 1)),
  };
  return `${JSON.stringify(result, null, 2)}\n`;
}
