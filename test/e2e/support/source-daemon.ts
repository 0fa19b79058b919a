import { readFileSync } from 'node:fs';
import { pino } from 'pino';
import { trustSetSchema } from '../../../src/bundle/trust.ts';
import { loadConfig, type Config } from '../../../src/config/index.ts';
import { startDaemon, type Daemon, type DaemonOptions } from '../../../src/daemon.ts';

/** What a test puts around the real adapters. */
export type DaemonFaults = Pick<DaemonOptions, 'adapt' | 'disk' | 'observe'>;

/**
 * Runs the real daemon on the real adapters, with faults put around them, until SIGTERM. The configuration is the file that the
 * first argument names; `TRUST_FILE` names the public keys.
 *
 * @param faultsFor - makes the faults, once the configuration is known
 */
export async function runDaemonFromSource(faultsFor: (config: Config) => DaemonFaults): Promise<Daemon> {
  const stop = new Promise((resolve) => process.once('SIGTERM', resolve));
  const trust = trustSetSchema.parse(JSON.parse(readFileSync(process.env['TRUST_FILE'] ?? '', 'utf8')));
  const { config } = await loadConfig({ path: process.argv[2] });
  const daemon = await startDaemon({
    config,
    embedded: { version: '1.0.0', commit: 'test', builtFrom: 0, trust, feedUrl: null },
    program: process.execPath,
    logger: pino({ level: config.log.level, base: null }),
    onFatal: (error) => {
      throw error;
    },
    ...faultsFor(config),
  });
  void stop.then(() => daemon.stop());
  return daemon;
}
