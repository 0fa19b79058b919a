/**
 * The drawn statecharts. Drawing them takes Graphviz, which the program does not carry: the build replaces this module as a whole by one
 * that holds them (`scripts/build.ts`); from source they are read from `statecharts/`.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The SVG of each machine. */
export interface Pictures {
  readonly update: string;
  readonly workload: string;
}

/** Reads the pictures. */
export async function pictures(): Promise<Pictures> {
  const read = (name: string): Promise<string> =>
    readFile(join(import.meta.dirname, '..', '..', 'statecharts', `${name}.svg`), 'utf8');
  return { update: await read('update'), workload: await read('workload') };
}
