/**
 * The daemon from source, run by `node tampered-daemon.ts CONFIG STATE`: when the service of STATE is about to run, bytes are added
 * to every file that an update left in `downloads/` and `versions/`, as a writer with the daemon’s own rights would.
 */
import { appendFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runDaemonFromSource } from '../../e2e/support/source-daemon.ts';

function tamper(stateDir: string): void {
  for (const folder of ['downloads', 'versions'])
    for (const entry of readdirSync(join(stateDir, folder), { recursive: true, withFileTypes: true }))
      if (entry.isFile() && /\.jws$|^coresdk-sidecar$/.test(entry.name))
        appendFileSync(join(entry.parentPath, entry.name), '\n// evil\n');
}

const [, , , state] = process.argv;
await runDaemonFromSource(({ stateDir }) => ({
  observe: (event) => {
    if (event.state === state && event.phase === 'began') tamper(stateDir);
  },
}));
