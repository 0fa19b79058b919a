/**
 * `npm run statecharts`: writes `statecharts/` from the machines, and the picture in README.md. `--check` writes nothing and
 * ends with 1 where something is not what would be written.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { updateMachine } from '../src/machines/update.machine.ts';
import { workloadMachine } from '../src/machines/workload.machine.ts';
import { toJson, toMermaid, toTable } from '../src/statechart/index.ts';
import { hasErrno } from '../src/errors.ts';

const CHARTS = [
  {
    name: 'update',
    machine: updateMachine,
    happyPath: [
      'idle',
      'checking',
      'downloading',
      'verifying',
      'staging',
      'waiting',
      'swapping',
      'probing',
      'committed',
      'idle',
    ],
  },
  {
    name: 'workload',
    machine: workloadMachine,
    happyPath: ['stopped', 'starting', 'running', 'stopping', 'stopped'],
  },
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
  const parts = CHARTS.map(({ name, machine, happyPath }) =>
    [
      `## ${name}`,
      machine.root.description ?? '',
      fence(toMermaid(machine, { happyPath })).trimEnd(),
      toTable(machine),
    ].join('\n\n'),
  );
  return `# Statecharts

Generated from \`src/machines\` by \`npm run statecharts\`; \`npm test\` fails where they are stale. Do not edit them.

- \`NAME.mmd\`: the picture, as Mermaid (\`stateDiagram-v2\`).
- \`NAME.json\`: the same for tools: every state with its services, transitions, guards and actions.

Green is the way on which everything goes well, red is where failures lead, grey is beside both. A ⚙ names the service that
a state invokes. An edge says what it takes: a service that is \`done\`, one that failed (\`✗ error\`), or an event in
capitals; a guard stands in brackets. Transitions that act without leaving the state are only in the tables and in the JSON.

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
  for (const { name, machine, happyPath } of CHARTS) {
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
