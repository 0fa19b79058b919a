/** Programs that are updated under load, each in a good and an unhealthy version. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { BundleFile } from '../../src/publish/bundle-writer.ts';

/** A release of a kind. */
export type Kind = 'good' | 'exits' | 'unhealthy';

/** A program that is updated. */
export interface BenchProgram {
  readonly name: string;
  /** What is asked by HTTP. */
  readonly path: string;
  /** Whether it speaks gRPC too. */
  readonly grpc: boolean;
  /** Whether two versions of it can run at once (docs/overlap.md). */
  readonly overlaps: boolean;
  files(version: string, kind: Kind): Promise<readonly BundleFile[]>;
  /** Its environment where it listens by itself, and where it is given its sockets alike. */
  env(httpPort: number, grpcPort: number): Record<string, string>;
}

const file = (path: string, text: string, mode: BundleFile['mode']): BundleFile => ({
  path,
  source: Buffer.from(text),
  mode,
});

/** Another file each time: a release that failed once is not tried again. */
const exits = (version: string): BundleFile => file('workload', `#!/bin/sh\n# ${version}\nexit 3\n`, 0o755);
const HERE = import.meta.dirname;

const bundled = async (version: string, kind: Kind): Promise<string> => {
  const { outputFiles } = await build({
    entryPoints: [join(HERE, 'serve-workload.ts')],
    bundle: true,
    write: false,
    minify: true,
    platform: 'node',
    format: 'cjs',
    target: 'node26',
    banner: { js: '#!/usr/bin/env node' },
    define: { WORKLOAD_VERSION: JSON.stringify(version) },
    plugins: [
      {
        name: 'unhealthy',
        setup: (setup) => {
          if (kind === 'unhealthy')
            setup.onResolve({ filter: /\/health\.ts$/ }, () => ({
              path: join(HERE, '../../demo/broken-health.ts'),
            }));
        },
      },
    ],
  });
  return outputFiles[0]?.text ?? '';
};

/** The built-in sidecar service: Node, HTTP and gRPC. */
export const serveProgram: BenchProgram = {
  name: 'serve (Node)',
  path: '/version',
  grpc: true,
  overlaps: true,
  files: async (version, kind) =>
    kind === 'exits' ? [exits(version)] : [file('workload', await bundled(version, kind), 0o755)],
  env: (http, grpc) => ({
    CORESDK_HTTP_ADDR: `127.0.0.1:${String(http)}`,
    CORESDK_GRPC_ADDR: `127.0.0.1:${String(grpc)}`,
  }),
};

const APP = (version: string, kind: Kind): string => `
def app(environ, start_response):
    healthy = environ['PATH_INFO'] != '/healthz' or ${kind === 'unhealthy' ? 'False' : 'True'}
    start_response('200 OK' if healthy else '500 Internal Server Error', [('Content-Type', 'text/plain'), ('Content-Length', '${String(version.length)}')])
    return [b'${version}']
`;

/** gunicorn from Debian's packages: it takes \`LISTEN_FDS\` by itself, and ends in good order on SIGTERM. */
export const gunicornProgram: BenchProgram = {
  name: 'gunicorn (Debian)',
  path: '/version',
  grpc: false,
  overlaps: false,
  files: (version, kind) =>
    Promise.resolve(
      kind === 'exits'
        ? [exits(version)]
        : [
            file(
              'workload',
              `#!/bin/sh
exec gunicorn --chdir "$(dirname "$0")" --bind "127.0.0.1:$PORT" --worker-class gthread --workers 1 --threads 40 --keep-alive 5 --log-level warning app:app
`,
              0o755,
            ),
            file('app.py', APP(version, kind), 0o644),
          ],
    ),
  env: (http) => ({ PORT: String(http), PYTHONDONTWRITEBYTECODE: '1' }),
};

/** Whether gunicorn is installed. */
export function hasGunicorn(): boolean {
  try {
    execFileSync('gunicorn', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
