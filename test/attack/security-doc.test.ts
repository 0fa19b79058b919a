/** The table of attacks in `docs/security.md` is made of the cases themselves: `npx vitest run test/attack/security-doc.test.ts -u`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ARCHIVE_ATTACKS } from './cases/archive.ts';
import { BAKE_ATTACKS } from './cases/bake.ts';
import { DELTA_ATTACKS } from './cases/delta.ts';
import { FEED_ATTACKS } from './cases/feed.ts';
import { jwsAttacksOn } from './cases/jws.ts';
import { FILE_ATTACKS, OTHER_USER_ATTACKS, START_ATTACKS, TAMPER_ATTACKS } from './cases/local.ts';
import { TRUST_ATTACKS } from './cases/trust-set.ts';
import { DEFENCES, type AttackRow } from './support/attack.ts';

const DOCUMENT = join(import.meta.dirname, '../../docs/security.md');
const [BEGIN, END] = ['<!-- attacks -->', '<!-- /attacks -->'];

/** Each group of cases, with the test file that runs all of it and the name that it runs them under. */
const GROUPS: readonly (readonly [string, string, string, readonly AttackRow[]])[] = [
  ['Signed envelope: heads', 'head-jws', 'a head', jwsAttacksOn('head')],
  [
    'Signed envelope: bundles for air-gapped hosts (ES256)',
    'bundle-jws',
    'an %s',
    jwsAttacksOn('airgap bundle'),
  ],
  ['Signed envelope: bundles for channels (RS256)', 'bundle-jws', 'an %s', jwsAttacksOn('feed bundle')],
  ['Feed and edge heads', 'feed', 'a hostile feed', FEED_ATTACKS],
  ['Stable channel and bake', 'feed', 'the stable channel', BAKE_ATTACKS],
  ['Payload: manifest, archive, contents', 'archive', 'a rightly signed bundle with', ARCHIVE_ATTACKS],
  ['Deltas', 'delta', 'a hostile delta', DELTA_ATTACKS],
  ['Keys that a program is built with', 'trust-set', 'a trust set is refused for', TRUST_ATTACKS],
  [
    'This host: what keeps the daemon from starting',
    'local',
    'a daemon refuses to start, and says why, for',
    START_ATTACKS,
  ],
  ['This host: files that an operator is talked into', 'local', 'a daemon is given', FILE_ATTACKS],
  [
    'This host: writers during an update',
    'local',
    'during an update',
    [...TAMPER_ATTACKS, ...OTHER_USER_ATTACKS],
  ],
];

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');

function table(): string {
  const count = GROUPS.reduce((sum, [, , , rows]) => sum + rows.length, 0);
  const parts = GROUPS.map(([title, file, suite, rows]) =>
    [
      `### ${title}`,
      '',
      `Run by \`test/attack/${file}.test.ts\`, “${suite}”; each test has the attack’s name.`,
      '',
      '| attack | ends with | defence |',
      '|---|---|---|',
      ...rows.map(({ name, code, defence }) => `| ${cell(name)} | \`${code}\` | ${DEFENCES[defence]} |`),
    ].join('\n'),
  );
  return [`${String(count)} attacks.`, ...parts].join('\n\n');
}

describe('docs/security.md', () => {
  it('holds every attack of the suite, and no other', async () => {
    const text = readFileSync(DOCUMENT, 'utf8');
    const [before, rest] = text.split(BEGIN);
    const after = rest?.split(END)[1];
    if (before === undefined || after === undefined)
      throw new Error(`expected ${BEGIN} and ${END} in ${DOCUMENT}`);
    const fresh = `${before}${BEGIN}\n\n${table()}\n\n${END}${after}`;
    await expect(fresh).toMatchFileSnapshot(DOCUMENT);
  });

  it.each(GROUPS)('names for “%s” a test file that runs them', (_, file, suite, rows) => {
    const source = readFileSync(join(import.meta.dirname, `${file}.test.ts`), 'utf8');
    expect(source).toContain(`'${suite}'`);
    const names = rows.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const kinds = source.match(/it\.each\((\w+)/g) ?? [];
    expect(kinds.length).toBeGreaterThan(0);
  });

  it('names only tests that are there', () => {
    const text = readFileSync(DOCUMENT, 'utf8');
    const named = [...text.matchAll(/`((?:test|src|scripts)\/[\w./-]+\.ts)`(?:, “([^”]+)”)?/g)];
    expect(named.length).toBeGreaterThan(GROUPS.length);
    for (const [, path = '', title] of named) {
      const source = readFileSync(join(import.meta.dirname, '../..', path), 'utf8');
      if (title !== undefined) expect(source).toContain(title);
    }
  });
});
