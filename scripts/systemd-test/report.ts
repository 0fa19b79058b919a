import { writeFile } from 'node:fs/promises';

/** One thing that was looked at. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** What was found, where it is not what was expected. */
  readonly detail: string;
  /** Seconds since the run began. */
  readonly at: number;
}

/** What a run of checks came to. */
export interface Report {
  /** Notes whether something holds; says it at once. */
  check(name: string, ok: boolean, detail?: unknown): void;
  /** A line for people. */
  say(line: string): void;
  readonly checks: readonly Check[];
}

/** A report that is printed as it grows. */
export function createReport(): Report {
  const began = performance.now();
  const seconds = (): number => Math.round((performance.now() - began) / 10) / 100;
  const checks: Check[] = [];
  return {
    checks,
    say: (line) => {
      console.log(`${seconds().toFixed(1).padStart(6)} s  ${line}`);
    },
    check: (name, ok, detail = '') => {
      const found = typeof detail === 'string' ? detail : JSON.stringify(detail);
      checks.push({ name, ok, detail: ok ? '' : found, at: seconds() });
      console.log(
        `${seconds().toFixed(1).padStart(6)} s  ${ok ? 'ok  ' : 'FAIL'} ${name}${ok || found === '' ? '' : `\n          found: ${found}`}`,
      );
    },
  };
}

/**
 * The last line, and the file for machines.
 *
 * @param file - where the report goes as JSON; null: nowhere
 * @param skipped - why nothing was looked at
 * @returns whether everything held
 */
export async function conclude(
  checks: readonly Check[],
  file: string | null,
  skipped: string | null = null,
): Promise<boolean> {
  const passed = checks.filter(({ ok }) => ok).length;
  const failed = checks.length - passed;
  if (file !== null)
    await writeFile(file, `${JSON.stringify({ passed, failed, skipped, checks }, null, 2)}\n`);
  console.log(`${String(passed)} passed, ${String(failed)} failed`);
  return failed === 0;
}
