/**
 * The real daemon, on the real adapters, run from source by `node tampered-daemon.ts CONFIG STATE`: when the service of STATE is
 * about to run, bytes are added to every file that an update left in `downloads/` and `versions/`, as a writer with the daemon’s
 * own rights would. `TRUST_FILE` names the public keys.
 */
import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { trustSetSchema } from '../../../src/bundle/trust.ts';
import { loadConfig } from '../../../src/config/index.ts';
import { startDaemon } from '../../../src/daemon.ts';

const [, , configPath, state] = process.argv;
const trust = trustSetSchema.parse(JSON.parse(readFileSync(process.env['TRUST_FILE'] ?? '', 'utf8')));
const { config } = await loadConfig({ path: configPath });

function tamper(): void {
  for (const folder of ['downloads', 'versions'])
    for (const entry of readdirSync(join(config.stateDir, folder), { recursive: true, withFileTypes: true }))
      if (entry.isFile() && /\.jws$|^coresdk-sidecar$/.test(entry.name))
        appendFileSync(join(entry.parentPath, entry.name), '\n// evil\n');
}

const daemon = await startDaemon({
  config,
  embedded: { version: '1.0.0', commit: 'test', builtFrom: 0, trust, feedUrl: null },
  program: process.execPath,
  logger: pino({ level: 'debug', base: null }),
  onFatal: (error) => {
    throw error;
  },
  observe: (event) => {
    if (event.state === state && event.phase === 'began') tamper();
  },
});
process.once('SIGTERM', () => void daemon.stop());
