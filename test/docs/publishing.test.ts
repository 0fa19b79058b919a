/** Runs the commands of docs/publishing.md, in their order, as they stand there. */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readTrustFile } from '../../src/publish/trust-file.ts';
import { core } from '../cli/support/core.ts';
import { tempFolder } from '../fixtures/release.ts';

const DAY = 24 * 3_600_000;
const home = process.cwd();

afterAll(() => {
  process.chdir(home);
});

/** The `core` lines of all `sh` blocks, without `core`. */
async function commands(): Promise<string[][]> {
  const text = await readFile(join(home, 'docs', 'publishing.md'), 'utf8');
  return [...text.matchAll(/^ *```sh\n(.*?)^ *```$/gms)]
    .flatMap(([, block = '']) => block.replaceAll(/\\\n/g, ' ').split('\n'))
    .filter((line) => line.trim() !== '')
    .map((line) => line.trim().split(/ +/));
}

describe('docs/publishing.md', () => {
  // Many keys are made and opened: the time is theirs, and decides nothing.
  it('shows commands that work', { timeout: 120_000 }, async () => {
    process.chdir(await tempFolder());
    for (const dir of ['dist/linux-x64/bin', 'dist/linux-arm64/bin']) {
      await mkdir(dir, { recursive: true });
      await writeFile(join(dir, 'coresdk-sidecar'), '#!/bin/sh\n');
      await chmod(join(dir, 'coresdk-sidecar'), 0o755);
    }
    await writeFile('secret', 'correct horse\n', { mode: 0o600 });
    const stolen = async (): Promise<string> => {
      const { keys } = await readTrustFile('keys/trust.json');
      return [...keys.values()].find(({ use, audiences }) => use === 'head' && audiences[0] === 'edge')!.kid;
    };

    const ran: string[] = [];
    let now = Date.UTC(2026, 5, 1);
    for (const [program, ...words] of await commands()) {
      expect(program).toBe('core');
      // A release bakes for a week.
      if (words[1] === 'promote') now += 7 * DAY;
      const argv = words.includes('$STOLEN') ? words.with(words.indexOf('$STOLEN'), await stolen()) : words;
      const run = await core(argv, { now: () => now });
      expect({ argv, exit: run.exit, err: run.err.replace(/^note: [^\n]*\n/gm, '') }).toEqual({
        argv,
        exit: 0,
        err: '',
      });
      ran.push(`${words[0] ?? ''} ${words[1] ?? ''}`);
    }
    for (const command of ['feed promote', 'feed block', 'feed rollout', 'feed refresh', 'keys merge'])
      expect(ran).toContain(command);

    const { out } = await core(['feed', 'verify', '--feed', 'feed', '--trust', 'trust-both.json', '--json'], {
      now: () => now,
    });
    const { findings } = JSON.parse(out) as { findings: { path: string; level: string }[] };
    // What the text says to remove.
    const faults = findings.filter(({ level }) => level === 'fault').map(({ path }) => path);
    expect(faults).toEqual([`by-key/${await stolen()}/edge.jws`]);
  });
});
