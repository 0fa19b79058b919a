/**
 * `npm test`: every check of the project, with the time of each. Arguments go to vitest (`npm test -- test/config`).
 *
 * The checks before vitest run two at a time; vitest runs alone, since it uses both cores itself. All of them run even
 * where one fails. The last line is vitest's numbers: `N passed, N failed`.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const ENV = { ...process.env, PATH: [join(ROOT, 'node_modules', '.bin'), process.env.PATH].join(delimiter) };

/** The slowest first: it goes on beside the first tests. */
const CHECKS = [
  ['types and lint', 'node', 'scripts/types-and-lint.mjs'],
  ['format', 'prettier', '--check', '--log-level=warn', '.'],
  ['architecture', 'depcruise', 'src', '--output-type=err'],
  ['statecharts', 'node', 'scripts/statecharts.ts', '--check'],
  ['error table', 'node', 'scripts/errors.ts', '--check'],
];

/** Runs a command; resolves with its exit code (1 for a signal or where it cannot be started) and its output unless it is shown. */
function run(command, args, shown, more = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      env: { ...ENV, ...more },
      stdio: ['ignore', ...(shown ? ['inherit', 'inherit'] : ['pipe', 'pipe'])],
    });
    const output = [];
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => output.push(chunk));
    child.on('error', (error) => {
      resolve({ code: 1, output: `${error.message}\n` });
    });
    child.on('close', (code) => {
      resolve({ code: code ?? 1, output: Buffer.concat(output).toString() });
    });
  });
}

const results = [];

async function step(name, command, args, shown = false, more = {}) {
  if (shown) console.log(`\n== ${name}: ${[command, ...args].join(' ')}`);
  const start = performance.now();
  const { code, output } = await run(command, args, shown, more);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  results.push({ name, ok: code === 0, seconds });
  console.log(`${code === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)`);
  if (code !== 0 && !shown) console.log(output.trimEnd());
  return code;
}

/** Takes checks from the queue until it is empty. */
async function lane(queue) {
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const [name, command, ...args] = next;
    await step(name, command, args);
  }
}

/** vitest's own numbers; null where it wrote none. */
function numbers(file) {
  try {
    const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(file, 'utf8'));
    return { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests };
  } catch {
    return null;
  }
}

const queue = [...CHECKS];
const lanes = [lane(queue), lane(queue)];
// The longest check goes on beside the first tests.
await Promise.race(lanes);

const folder = mkdtempSync(join(tmpdir(), 'coresdk-test-'));
const report = join(folder, 'vitest.json');
try {
  await step(
    'tests',
    'vitest',
    ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...process.argv.slice(2)],
    true,
    // Scripts that tests start again and again are compiled once.
    { NODE_COMPILE_CACHE: join(folder, 'compile-cache') },
  );
  await Promise.all(lanes);
  const counted = numbers(report);
  console.log('\nsummary');
  for (const { name, ok, seconds } of results)
    console.log(`  ${ok ? 'ok  ' : 'FAIL'} ${name.padEnd(14)} ${seconds} s`);
  const failed = results.filter(({ ok }) => !ok).map(({ name }) => name);
  if (failed.length > 0) {
    console.log(`  failed: ${failed.join(', ')}`);
    process.exitCode = 1;
  }
  if (counted === null || counted.passed + counted.failed === 0) {
    console.log('  vitest ran no test');
    process.exitCode = 1;
  }
  const { passed, failed: red, skipped } = counted ?? { passed: 0, failed: 1, skipped: 0 };
  console.log(`${passed} passed, ${red} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
