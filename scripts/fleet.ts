/**
 * The proof of the fleet: many simulated hosts and real daemons, a real nats-server, a sick release. See docs/fleet-proof.md.
 *
 *   npm run fleet                                  1,000 hosts and 10 daemons
 *   npm run fleet -- --ci                          what CI runs: 60 hosts and 2 daemons, the same faults; at most a minute
 *   npm run fleet -- --json FILE                   the figures too
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { hasNats } from '../test/fleet/support/nats-server.ts';
import { faultsOf } from './fleet/proof-faults.ts';
import { prove } from './fleet/proof.ts';

const { values } = parseArgs({
  options: {
    ci: { type: 'boolean', default: false },
    hosts: { type: 'string' },
    daemons: { type: 'string' },
    processes: { type: 'string', default: '2' },
    canary: { type: 'string' },
    interval: { type: 'string' },
    patience: { type: 'string' },
    json: { type: 'string' },
  },
});
/** The sizes of a run, each of which may be told. Few hosts need a greater canary: three of it must fail before anything is halted. */
const sizes = values.ci
  ? { hosts: 60, daemons: 2, canary: 20, interval: 2, patience: 60 }
  : { hosts: 1000, daemons: 10, canary: 5, interval: 15, patience: 300 };
const size = (name: keyof typeof sizes): number => Number(values[name] ?? sizes[name]);

if (hasNats) {
  const result = await prove({
    hosts: size('hosts'),
    daemons: size('daemons'),
    processes: Number(values.processes),
    canary: size('canary'),
    checkIntervalS: size('interval'),
    patienceMs: size('patience') * 1000,
    log: (line) => {
      console.log(line);
    },
  });
  console.log(result);
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(result, null, 2)}\n`);
  const faults = faultsOf(result);
  for (const fault of faults) console.error(`NOT PROVED: ${fault}`);
  if (faults.length === 0)
    console.log('PROVED: no host ends on the sick release, none is stuck, each outcome is counted once');
  process.exitCode = faults.length === 0 ? 0 : 1;
}
