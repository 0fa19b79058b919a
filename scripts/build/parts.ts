/**
 * The parts of an executable: each role is a bundle of its own, an asset that is loaded when it is asked for.
 *
 * V8 takes every character of a script in before it runs the first, with a code cache too, and keeps them in memory: `core --version`
 * needs almost none of them, and `serve` is to hold nothing of the updater (docs/decisions/0015-single-executable.md).
 *
 * Invariant: parts share no object, so none may throw an error that another is to know: each ends with an exit code or plain data.
 */
import { relative, sep } from 'node:path';
import type { Plugin } from 'esbuild';
import { bundled, type Bundle } from './bundle.ts';
import { ROOT } from './root.ts';

/** The modules that are parts, and the one name that each exports. */
const PARTS: Readonly<Record<string, string>> = {
  'src/cli/run.ts': 'runCli',
  'src/daemon/run.ts': 'runDaemon',
  'src/daemon/self-test.ts': 'runSelfTest',
  'src/daemon/run-guard.ts': 'runGuard',
  'src/sidecar/serve.ts': 'runServe',
  // Within `serve`: with the gRPC library, which is needed only once somebody connects.
  'src/sidecar/grpc-server.ts': 'createGrpcServer',
  // Within the daemon: few want OpenTelemetry, and it is a tenth of the program.
  'src/daemon/trace-export.ts': 'openExport',
  // For `core sidecar doctor` where no daemon answers: most of the daemon.
  'src/daemon/examine-from-here.ts': 'examineFromHere',
};

/** Takes the parts out of a bundle, and makes a bundle out of each. */
export class Parts {
  readonly #made = new Map<string, Bundle>();
  readonly #met = new Set<string>();
  readonly #plugins: readonly Plugin[];

  /** @param plugins - what else each bundle is made with */
  constructor(plugins: readonly Plugin[]) {
    this.#plugins = plugins;
  }

  /** Each part that was met, by its module, in the order of the modules. */
  get made(): ReadonlyMap<string, Bundle> {
    return new Map([...this.#made].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /**
   * Takes parts out of a bundle.
   *
   * @param within - the module of the part that is being made, which does not stand for itself
   */
  plugin(within?: string): Plugin {
    return {
      name: 'parts',
      setup: (builder) => {
        builder.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
          const module = relative(ROOT, path).split(sep).join('/');
          const exported = module === within ? undefined : PARTS[module];
          if (exported === undefined) return null;
          await this.#make(module);
          return {
            contents: `export const { ${exported} } = __part(${JSON.stringify(module)});`,
            loader: 'js',
          };
        });
      },
    };
  }

  async #make(module: string): Promise<void> {
    if (this.#met.has(module)) return;
    this.#met.add(module);
    this.#made.set(module, await bundled(module, '', [this.plugin(module), ...this.#plugins]));
  }
}
