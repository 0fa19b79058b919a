/**
 * The proof of the fleet: many simulated hosts and real daemons, a real nats-server, a sick release. See docs/fleet-proof.md.
 *
 *   npm run fleet                                  1,000 hosts and 10 daemons
 *   npm run fleet -- --hosts 200 --daemons 3       what CI runs
 *   npm run fleet -- --json FILE                   the figures too
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { hasNats } from '../test/fleet/support/nats-server.ts';
import { faultsOf, prove } from './fleet/proof.ts';

const { values } = parseArgs({
  options: {
    hosts: { type: 'string', default: '1000' },
    daemons: { type: 'string', default: '10' },
    processes: { type: 'string', default: '2' },
    canary: { type: 'string', default: '5' },
    interval: { type: 'string', default: '15' },
    patience: { type: 'string', default: '300' },
    json: { type: 'string' },
  },
});

if (hasNats) {
  const result = await prove({
    hosts: Number(values.hosts),
    daemons: Number(values.daemons),
    processes: Number(values.processes),
    canary: Number(values.canary),
    checkIntervalS: Number(values.interval),
    patienceMs: Number(values.patience) * 1000,
    log: (line) => {
      console.log(line);
    },
  });
  console.log(result);
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(result, null, 2)}\n`);
  const faults = faultsOf(result);
  for (const fault of faults) console.error(`NOT PROVED: ${fault}`);
  if (faults.length === 0) console.log('PROVED: no host ends on the sick release, none is stuck, each outcome is counted once');
  process.exitCode = faults.length === 0 ? 0 : 1;
}
