/**
 * `core statechart export|paths|coverage`: the statecharts themselves, the tests that they ask for, and which transitions the last test
 * run took.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { UpdateError, hasErrno } from '../../errors.ts';
import {
  coverageOf,
  coverageText,
  generatePlans,
  junitSkeleton,
  plansText,
  readTaken,
  updateSubject,
  workloadSubject,
  type PlanDocument,
  type PlanSubject,
  type Taken,
} from '../../statechart/plans/index.ts';
import { HAPPY_PATHS, toDot, toJson, toMermaid, toScxml } from '../../statechart/index.ts';
import type { CliContext } from '../context.ts';
import { help } from '../help.ts';
import { pictures } from '../pictures.ts';

const SUBJECTS = { update: updateSubject, workload: workloadSubject } as const satisfies Record<
  string,
  PlanSubject
>;

const FORMATS = {
  json: (document: PlanDocument) => JSON.stringify(document, null, 2),
  text: plansText,
  'junit-skeleton': junitSkeleton,
} as const;

/** Where the tests leave what they took, from the project's folder. */
const DATA = join('coverage', 'statechart');

const machineOption = (): Option =>
  new Option('--machine <name>', 'which statechart').choices(Object.keys(SUBJECTS)).default('update');

interface PathsOptions {
  readonly format: keyof typeof FORMATS;
  readonly machine: keyof typeof SUBJECTS;
}

function addPaths(statechart: Command, context: CliContext): void {
  statechart
    .command('paths')
    .summary('print the tests that a statechart asks for')
    .description(
      'Prints a plan for every transition of a statechart, both sides of every guard, every error code of every service, every event in every state, and a stop in every state: what the world does, and what must be seen. For whoever writes the same machine in another language; docs/model.md explains the format.',
    )
    .addOption(
      new Option('--format <format>', 'how')
        .choices(Object.keys(FORMATS))
        .default('text', 'text, for readers'),
    )
    .addOption(machineOption())
    .addHelpText('after', help([0, 1, 2], 'core statechart paths --format json > plans.json'))
    .action(({ format, machine }: PathsOptions) => {
      context.print(FORMATS[format](generatePlans(SUBJECTS[machine])));
    });
}

/** The lines of a file, or of every `.jsonl` file in a folder; none where nothing is there. */
async function readData(path: string): Promise<Taken[]> {
  try {
    const names = (await namesIn(path))
      ?.filter((name) => name.endsWith('.jsonl'))
      .map((name) => join(path, name));
    const texts = await Promise.all((names ?? [path]).map((name) => readFile(name, 'utf8')));
    return texts.flatMap(readTaken);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return [];
    throw UpdateError.from(error, 'USAGE', `expected lines of the tests in ${path}`);
  }
}

async function namesIn(path: string): Promise<string[] | null> {
  try {
    return (await readdir(path)).sort();
  } catch (error) {
    if (hasErrno(error, 'ENOTDIR')) return null;
    throw error;
  }
}

interface CoverageOptions {
  readonly json?: true;
  readonly file: string;
  readonly machine: keyof typeof SUBJECTS;
}

function addCoverage(statechart: Command, context: CliContext): void {
  statechart
    .command('coverage')
    .summary('say which transitions the last test run took')
    .description(
      'Says which transitions of a statechart the last test run took, and in which sort of run. Ends with 1 when one was not taken.',
    )
    .option('--json', 'as JSON')
    .option('--file <path>', 'the data: a file, or a folder of .jsonl files', DATA)
    .addOption(machineOption())
    .addHelpText('after', help([0, 1, 2], 'core statechart coverage'))
    .action(async ({ json, file, machine }: CoverageOptions) => {
      const taken = (await readData(file)).filter((each) => each.machine === machine);
      if (taken.length === 0) {
        context.note(
          `no test run has left anything about the ${machine} statechart in ${file}: run the tests first`,
        );
        context.end(1);
        return;
      }
      const coverage = coverageOf(generatePlans(SUBJECTS[machine]), taken);
      context.print(json === true ? JSON.stringify(coverage, null, 2) : coverageText(coverage));
      if (coverage.covered < coverage.transitions.length) context.end(1);
    });
}

const EXPORTS = {
  svg: async (name: keyof typeof SUBJECTS) => (await pictures())[name],
  mmd: async (name: keyof typeof SUBJECTS) =>
    toMermaid(SUBJECTS[name].machine, { happyPath: HAPPY_PATHS[name] }),
  dot: async (name: keyof typeof SUBJECTS) => toDot(SUBJECTS[name].machine, { happyPath: HAPPY_PATHS[name] }),
  json: async (name: keyof typeof SUBJECTS) => toJson(SUBJECTS[name].machine),
  scxml: async (name: keyof typeof SUBJECTS) => toScxml(SUBJECTS[name].machine),
} as const;

interface ExportOptions {
  readonly format: keyof typeof EXPORTS;
  readonly machine: keyof typeof SUBJECTS;
}

function addExport(statechart: Command, context: CliContext): void {
  statechart
    .command('export')
    .summary('print a statechart as a picture or as data')
    .description(
      'Prints a statechart as it is in this program: svg (a picture), mmd (Mermaid, which GitHub renders), dot (Graphviz), json (every state, service, guard and error code, explained), scxml (State Chart XML of the W3C).',
    )
    .addOption(new Option('--format <format>', 'how').choices(Object.keys(EXPORTS)).default('mmd'))
    .addOption(machineOption())
    .addHelpText('after', help([0, 1, 2], 'core statechart export --format svg > update.svg'))
    .action(async ({ format, machine }: ExportOptions) => {
      context.print((await EXPORTS[format](machine)).trimEnd());
    });
}

/** `core statechart`. */
export function addStatechart(parent: Command, context: CliContext): void {
  const statechart = parent
    .command('statechart')
    .summary('the statecharts: pictures, data, tests')
    .description('The statecharts as pictures, as data and as tests.')
    .addHelpText('after', help([0, 1, 2], 'core statechart paths --format text'));
  addExport(statechart, context);
  addPaths(statechart, context);
  addCoverage(statechart, context);
}
