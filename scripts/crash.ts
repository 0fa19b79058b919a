/**
 * `npm run crash`: crashes simulated hosts at every effect and injects faults at every effect, round after round with other seeds, until
 * the time is over. See `test/crash`.
 *
 *     npm run crash -- [--minutes N] [--seed S] [--only NAME] [--replay POINTS] [--fault KIND@EFFECT]
 *
 * - `--minutes`: how long; 10 unless told. The first round, with faults at every effect, is always brought to its end.
 * - `--seed`: of the first round, a whole number; from the clock unless told. The same seed gives the same crashes, but the keys that
 *   sign are new each time.
 * - `--only`: scenarios, by a part of their name.
 * - `--replay`: with `--only`: one chain of crashes alone, as a violation printed it.
 * - `--fault`: with `--only`: one fault alone, as a violation printed it.
 *
 * Exit code 0 when every invariant held, 1 when one did not, 2 for wrong usage.
 */
import { parseArgs } from 'node:util';
import { readPoint } from '../test/crash/support/crash-point.ts';
import { explore, replay, type Tally } from '../test/crash/support/explorer.ts';
import { FAULT_KINDS, injectFaults } from '../test/crash/support/faults.ts';
import { makeMaterial } from '../test/crash/support/material.ts';
import { faultText, tallyText, violationText } from '../test/crash/support/report.ts';
import { SCENARIOS } from '../test/crash/support/scenarios.ts';

const BOUNDS = { losses: 64, depth: 3, nested: 2, again: 0.3, onward: 0.1 };

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string' },
    only: { type: 'string', default: '' },
    replay: { type: 'string' },
    fault: { type: 'string' },
  },
});

function usage(message: string): never {
  console.error(message);
  process.exit(2);
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  return usage(`--${name}: expected a number, found ${JSON.stringify(text)}`);
}

const minutes = number('minutes', values.minutes);
const first = values.seed === undefined ? Date.now() % 2 ** 31 : number('seed', values.seed);
const exact = SCENARIOS.filter(({ name }) => name === values.only);
const scenarios = exact.length > 0 ? exact : SCENARIOS.filter(({ name }) => name.includes(values.only));
const [only] = scenarios;
if (only === undefined)
  usage(`--only: expected a part of one of these:\n  ${SCENARIOS.map(({ name }) => name).join('\n  ')}`);

const material = await makeMaterial();

function tell(lines: readonly string[], where: readonly string[]): void {
  for (const each of where) console.log(each);
  for (const line of lines) console.log(`  => ${line}`);
  console.log(lines.length === 0 ? 'every invariant held' : `${String(lines.length)} violations`);
  process.exitCode = lines.length === 0 ? 0 : 1;
}

if (values.replay !== undefined) {
  let points;
  try {
    points = values.replay.split(' ').map(readPoint);
  } catch (error) {
    usage(`--replay: ${error instanceof Error ? error.message : String(error)}`);
  }
  const { lines, where } = await replay(only, material, points);
  tell(lines, where);
} else if (values.fault !== undefined) {
  const [name, at = ''] = values.fault.split('@');
  const kind = FAULT_KINDS.find((each) => each === name);
  if (kind === undefined) usage(`--fault: expected ${FAULT_KINDS.join(', ')}, found ${name ?? ''}`);
  const effect = number('fault', at);
  const { violations } = await injectFaults(only, material, { kinds: [kind], from: effect, every: Infinity });
  tell(
    violations.flatMap(({ lines }) => lines),
    violations.map(({ where }) => where),
  );
} else {
  await rounds();
}

async function rounds(): Promise<void> {
  console.log(`seed ${String(first)}, ${String(minutes)} min, ${String(scenarios.length)} scenarios`);
  const end = performance.now() + minutes * 60_000;
  const total: Tally = { points: 0, states: 0, recoveries: 0, onward: 0, again: 0, deepest: 0 };
  let violations = 0;
  let faults = 0;
  let effects = 0;
  let seed = first;
  for (; seed === first || performance.now() < end; seed += 1) {
    for (const scenario of scenarios) {
      const enough = (): boolean => seed > first && performance.now() >= end;
      const found = await explore(scenario, material, { bounds: BOUNDS, seed, enough });
      console.log(tallyText(found));
      effects += found.effects;
      for (const violation of found.violations) console.error(violationText(violation));
      for (const name of ['points', 'states', 'recoveries', 'onward', 'again'] as const)
        total[name] += found.tally[name];
      total.deepest = Math.max(total.deepest, found.tally.deepest);
      violations += found.violations.length;
      if (seed > first || scenario.stops === true) continue;
      const injected = await injectFaults(scenario, material);
      faults += injected.runs;
      violations += injected.violations.length;
      if (injected.violations.length > 0) console.error(faultText(injected));
    }
    if (violations > 0) break;
  }
  console.log(tallyText({ scenario: 'in all', effects, tally: total, violations: [] }));
  console.log(`${String(faults)} runs with a fault; seeds ${String(first)} to ${String(seed - 1)}`);
  console.log(violations === 0 ? 'every invariant held' : `${String(violations)} violations`);
  process.exitCode = violations === 0 ? 0 : 1;
}
