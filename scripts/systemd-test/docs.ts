import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Machine } from './machine.ts';
import type { Report } from './report.ts';

/** A block of commands in a page of the documentation. */
export interface DocBlock {
  /** The heading that it stands under. */
  readonly heading: string;
  readonly commands: readonly string[];
}

/** The `sh` blocks of a page in `docs/`, in order. */
export async function blocksOf(page: string): Promise<DocBlock[]> {
  const text = await readFile(join(import.meta.dirname, '../../docs', page), 'utf8');
  const blocks: DocBlock[] = [];
  let heading = '';
  let commands: string[] | null = null;
  for (const line of text.split('\n')) {
    if (commands !== null && line !== '```') commands.push(line);
    else if (commands !== null) {
      // A line that ends with a backslash goes on.
      blocks.push({
        heading,
        commands: commands
          .join('\n')
          .replace(/\\\n\s*/g, '')
          .split('\n')
          .filter(Boolean),
      });
      commands = null;
    } else if (line === '```sh') commands = [];
    else if (line.startsWith('#')) heading = line.replace(/^#+ /, '');
  }
  return blocks;
}

/** Where the commands of a page are run, and which of its blocks. */
export interface DocRun {
  readonly page: string;
  /** The folder in the container. */
  readonly folder: string;
  /** By the block's heading. */
  readonly pick: (heading: string) => boolean;
}

/** Runs commands of a page as they stand there, each a check: it has to end with 0. */
export async function followDocs(
  machine: Machine,
  report: Report,
  { page, folder, pick }: DocRun,
): Promise<void> {
  const commands = (await blocksOf(page))
    .filter(({ heading }) => pick(heading))
    .flatMap((block) => block.commands);
  report.check(`docs/${page}: has commands`, commands.length > 0);
  for (const command of commands) {
    const ran = await machine.run('sh', ['-euc', `cd ${folder}\n${command}`]);
    report.check(`docs/${page}: ${command}`, ran.code === 0, ran);
  }
}
