/**
 * Simulates what a fleet asks of its feed, with the daemon's own code, and draws `docs/scale.svg`.
 *
 * `npm run simulate:load -- [--hosts 100000] [--seed 1] [--svg FILE]`
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { evenShare, SCENARIOS, simulate } from './simulate-load/fleet.ts';
import { loadSvg } from './simulate-load/plot.ts';

const { values } = parseArgs({
  options: {
    hosts: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    svg: { type: 'string' },
  },
});
const [hosts, seed] = [Number(values.hosts), Number(values.seed)];
const BUCKET_MS = 10_000;

const even = evenShare(hosts, BUCKET_MS);
console.log(
  `${String(hosts)} hosts, seed ${String(seed)}; spread evenly they ask ${(even / (BUCKET_MS / 1000)).toFixed(1)} times a second`,
);
const loads = [];
for (const scenario of SCENARIOS) {
  const load = await simulate(scenario, hosts, seed, BUCKET_MS);
  const peak = Math.max(...load.requests);
  const total = load.requests.reduce((sum, count) => sum + count, 0);
  console.log(
    `${scenario.name.padEnd(7)} ${String(total).padStart(9)} requests, at most ${(peak / (BUCKET_MS / 1000)).toFixed(1)}/s, ${(peak / even).toFixed(2)} times the even share; ${scenario.tells}`,
  );
  loads.push({ scenario, load });
}
if (values.svg !== undefined)
  await writeFile(
    values.svg,
    loadSvg(loads, {
      title: `What ${hosts.toLocaleString('en')} hosts ask of their feed`,
      even: even / (BUCKET_MS / 1000),
    }),
  );
