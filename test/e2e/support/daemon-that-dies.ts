/**
 * The real daemon, on the real adapters, run from source by `node daemon-that-dies.ts CONFIG STATE TIMES`: it kills itself with
 * SIGKILL when the service of STATE is about to run, its intent just written. `TRUST_FILE` names the public keys.
 */
import { readFileSync } from 'node:fs';
import { pino } from 'pino';
import { trustSetSchema } from '../../../src/bundle/trust.ts';
import { loadConfig } from '../../../src/config/index.ts';
import { startDaemon } from '../../../src/daemon.ts';

const [, , configPath, state, phase = 'began'] = process.argv;
const trust = trustSetSchema.parse(JSON.parse(readFileSync(process.env['TRUST_FILE'] ?? '', 'utf8')));
const { config } = await loadConfig({ path: configPath });
const daemon = await startDaemon({
  config,
  embedded: { version: '1.0.0', commit: 'test', builtFrom: 0, trust, feedUrl: null },
  program: process.execPath,
  logger: pino({ level: 'debug', base: null }),
  onFatal: (error) => {
    throw error;
  },
  observe: (event) => {
    if (event.state === state && event.phase === phase) process.kill(process.pid, 'SIGKILL');
  },
});
process.once('SIGTERM', () => void daemon.stop());
