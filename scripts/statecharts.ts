/**
 * `npm run statecharts`: writes `statecharts/` from the machines, and the picture in README.md. `--check` writes nothing and
 * ends with 1 where something is not what would be written.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { Graphviz } from '@hpcc-js/wasm-graphviz';
import { updateMachine } from '../src/machines/update.machine.ts';
import { workloadMachine } from '../src/machines/workload.machine.ts';
import { HAPPY_PATHS, toDot, toJson, toMermaid, toScxml, toSvg, toTable } from '../src/statechart/index.ts';
import { hasErrno } from '../src/errors.ts';

const CHARTS = [
  { name: 'update', machine: updateMachine, happyPath: HAPPY_PATHS.update },
  { name: 'workload', machine: workloadMachine, happyPath: HAPPY_PATHS.workload },
];

const fence = (mermaid: string): string => `\`\`\`mermaid\n${mermaid}\`\`\`\n`;

/** Replaces what stands between a chart's marks; a text without the marks stays what it is. */
export function fillMarks(text: string, name: string, content: string): string {
  const [open, close] = [`<!-- statechart:${name} -->`, `<!-- /statechart:${name} -->`];
  const start = text.indexOf(open);
  const end = text.indexOf(close);
  if (start < 0 && end < 0) return text;
  if (start < 0 || end < start)
    throw new RangeError(`expected ${open} and then ${close}, found only one of them`);
  return `${text.slice(0, start + open.length)}\n${content}${text.slice(end)}`;
}

function index(): string {
  const parts = CHARTS.map(({ name, machine }) =>
    [
      `## ${name}`,
      machine.root.description ?? '',
      `![The ${name} statechart](${name}.svg)`,
      toTable(machine),
    ].join('\n\n'),
  );
  return `# Statecharts

Generated from \`src/machines\` by \`npm run statecharts\`; \`npm test\` fails where they are stale. Do not edit them.

- \`NAME.svg\`: the picture, drawn by Graphviz. Its elements have stable ids: \`state-probing\`, \`edge-probing-rollingBack-error\`. The live
  page lights them; so may you. It follows the viewer's dark or light theme.
- \`NAME.mmd\`: the same as Mermaid (\`stateDiagram-v2\`), which GitHub renders.
- \`NAME.json\`: for tools: every state with its services, transitions, guards and actions, what each of them is for, and what each
  error code means.
- \`NAME.scxml\`: State Chart XML of the W3C, for the tools that read it; the tests validate it. Guards are functions of the host, actions are elements of our
  own namespace.
- \`plans.schema.json\`: the format of the test plans (\`core statechart paths\`).

\`core statechart export --machine NAME --format svg|mmd|dot|json|scxml\` prints each of them, from the machine in the program.

Green is the way on which everything goes well, straight down the middle. Red and dashed is what failed, and where it leads. Grey
is beside both. A ⚙ names the service that a state invokes. A plain arrow without a word is that service's good end; \`✗ error\` is that it
failed; capitals are an event from outside; a guard stands in brackets (\`[else]\`: none of the guards before held). A small box with ↺ or ↪ stands
for a state that is drawn elsewhere. Transitions that act without leaving the state are only in the tables and in the JSON.

${parts.join('\n')}`;
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return null;
    throw error;
  }
}

/** Every generated file by its path from the project's root, with what belongs in it. */
async function wanted(root: string): Promise<Map<string, string>> {
  const files = new Map<string, string>([['statecharts/README.md', index()]]);
  let readme = await readIfThere(join(root, 'README.md'));
  const graphviz = await Graphviz.load();
  for (const { name, machine, happyPath } of CHARTS) {
    const drawing = graphviz.layout(toDot(machine, { happyPath }), 'svg', 'dot');
    files.set(`statecharts/${name}.svg`, toSvg(drawing, machine));
    files.set(`statecharts/${name}.scxml`, toScxml(machine));
    const mermaid = toMermaid(machine, { happyPath });
    files.set(`statecharts/${name}.mmd`, mermaid);
    files.set(`statecharts/${name}.json`, toJson(machine));
    if (readme !== null) readme = fillMarks(readme, name, fence(mermaid));
  }
  if (readme !== null) files.set('README.md', readme);
  return files;
}

/**
 * Writes what is stale, or only says so.
 *
 * @param root - the project's folder
 * @returns the paths that are, or were, stale
 */
export async function refresh(root: string, mode: 'write' | 'check'): Promise<string[]> {
  const stale: string[] = [];
  for (const [path, content] of await wanted(root)) {
    if ((await readIfThere(join(root, path))) === content) continue;
    stale.push(path);
    if (mode === 'check') continue;
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  return stale;
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
  const stale = await refresh(join(import.meta.dirname, '..'), values.check ? 'check' : 'write');
  for (const path of stale)
    console.log(values.check ? `stale: ${path} (run npm run statecharts)` : `wrote ${path}`);
  if (stale.length === 0) console.log('statecharts are fresh');
  if (values.check && stale.length > 0) process.exitCode = 1;
}
