/**
 * `npm run fuzz`: the properties of `test/fuzz/properties.ts`, one after the other in short rounds, until the time is over.
 *
 *     npm run fuzz -- [--minutes N] [--seed S] [--only NAME] [--path P]
 *
 * - `--minutes`: how long; 10 unless told.
 * - `--seed`: the seed of the first round, a whole number; from the clock unless told. The same seed gives the same values, but
 *   the keys that sign are new each time.
 * - `--only`: a property, by a part of its name.
 * - `--path`: with `--only` and `--seed`: one value alone, as a failure printed it.
 *
 * Exit code 0 when every property held, 1 when one did not (its value, and the command that runs it again, are printed).
 */
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { PROPERTIES, type Property } from '../test/fuzz/properties.ts';
import { makeMaterial, type Material } from '../test/fuzz/support.ts';

/** How long a round of one property takes, s, about. */
const ROUND_S = 1;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string' },
    only: { type: 'string', default: '' },
    path: { type: 'string' },
  },
});

function number(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  console.error(`--${name}: expected a number, found ${JSON.stringify(text)}`);
  process.exit(2);
}

/** Runs one round; says whether the property held. */
async function round(
  { name, make, perSecond }: Property,
  material: Material,
  seed: number,
  path?: string,
): Promise<{ held: boolean; tried: number }> {
  const found = await fc.check(make(material), {
    seed,
    numRuns: Math.ceil(perSecond * ROUND_S),
    ...(path === undefined ? {} : { path }),
  });
  if (!found.failed) return { held: true, tried: found.numRuns };
  console.error(`\nFAILED: ${name}\n${fc.defaultReportMessage(found)}`);
  console.error(
    `run it again: npm run fuzz -- --only ${JSON.stringify(name)} --seed ${String(found.seed)} --path ${found.counterexamplePath ?? '0'}`,
  );
  return { held: false, tried: found.numRuns };
}

const minutes = number('minutes', values.minutes);
const first = values.seed === undefined ? Date.now() % 2 ** 31 : number('seed', values.seed);
const properties = PROPERTIES.filter(({ name }) => name.includes(values.only));
if (properties.length === 0) {
  console.error(
    `--only: expected a part of one of these:\n  ${PROPERTIES.map(({ name }) => name).join('\n  ')}`,
  );
  process.exit(2);
}

console.log(`seed ${String(first)}, ${String(minutes)} min, ${String(properties.length)} properties`);
const material = await makeMaterial();
const counts = new Map(properties.map(({ name }) => [name, 0]));
const end = performance.now() + minutes * 60_000;
let failures = 0;
for (let seed = first; ; seed += 1) {
  for (const property of properties) {
    if (performance.now() >= end && seed > first) break;
    const { held, tried } = await round(property, material, seed, values.path);
    counts.set(property.name, (counts.get(property.name) ?? 0) + tried);
    if (!held) failures += 1;
  }
  if (performance.now() >= end || failures > 0 || values.path !== undefined) break;
}

for (const [name, count] of counts) console.log(`${String(count).padStart(9)}  ${name}`);
console.log(failures === 0 ? 'every property held' : `${String(failures)} properties did not hold`);
process.exitCode = failures === 0 ? 0 : 1;
