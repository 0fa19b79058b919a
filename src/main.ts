/**
 * One program, its roles chosen by name and first argument: `core …` is the CLI, `coresdk-sidecar serve` the built-in sidecar
 * service, `coresdk-sidecar [--config FILE]` the daemon. The roles are loaded on demand: scripts and people ask for the version
 * most of all, and that answer needs none of them.
 */
import { basename } from 'node:path';
import { versionText } from './cli/version-text.ts';
import { embedded } from './embedded.ts';

const [, program = '', ...args] = process.argv;

if (args.length === 1 && args[0] === '--version') process.stdout.write(`${versionText(embedded)}\n`);
else
  void import('./roles.ts')
    .then(({ runRole }) => runRole(basename(program), args))
    .then((code) => {
      process.exitCode = code;
    });
