import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { freePort } from '../../demo/free-port.ts';
import { signedHead } from '../services/head-fixture.ts';
import { finding, inWard, type Ward } from './patient-fixture.ts';

/** A feed in a folder of the ward, with a head of this number. */
async function feedIn({ folder }: Ward, name: string, seq: number): Promise<string> {
  await mkdir(join(folder, name));
  await writeFile(join(folder, name, 'stable.jws'), await signedHead({ version: '1.1.0', seq }));
  return pathToFileURL(join(folder, name)).href;
}

describe('each mirror', () => {
  it('is looked at by itself, and what is behind or away is told though the update would go through', () =>
    inWard(async (ward) => {
      const away = `http://127.0.0.1:${String(await freePort())}`;
      const [old, fresh, wrong] = [
        await feedIn(ward, 'old', 6),
        await feedIn(ward, 'new', 7),
        await feedIn(ward, 'wrong', 8),
      ];
      await writeFile(join(ward.folder, 'wrong', 'stable.jws'), 'a.b.c');
      const report = await ward.examine({
        config: { update: { feedUrl: old, mirrors: [fresh, away, wrong, old] } },
      });
      expect(finding(report, 'feed.mirror.1')).toBe(
        `warn: ${old} is behind: its stable head is epoch 0 seq 6, that of another mirror epoch 0 seq 7`,
      );
      expect(finding(report, 'feed.mirror.2')).toBe(
        `pass: ${fresh} answers with the newest stable head (epoch 0 seq 7)`,
      );
      expect(finding(report, 'feed.mirror.3')).toMatch(`warn: no answer from ${away}/stable.jws`);
      expect(finding(report, 'feed.mirror.4')).toMatch(`warn: ${wrong}: `);
      // It is in the list already.
      expect(finding(report, 'feed.mirror.5')).toBe('no check feed.mirror.5');
      expect(report.result).toBe('warn');
      for (const { name, result, next } of report.checks)
        if (name.startsWith('feed.mirror.')) expect(next === '').toBe(result === 'pass');
    }));

  it('that serves an older head than was accepted here is behind, whatever the others serve', () =>
    inWard(async (ward) => {
      await ward.rig.heads.write('stable', await signedHead({ version: '1.1.0', seq: 9 }));
      const urls = [await feedIn(ward, 'a', 8), await feedIn(ward, 'b', 9)];
      const report = await ward.examine({ config: { update: { feedUrl: null, mirrors: urls } } });
      expect(finding(report, 'feed.mirror.1')).toMatch(/^warn: .*expected epoch 0 seq 9 or later/);
      expect(finding(report, 'feed.mirror.2')).toMatch(/^pass: /);
    }));

  it('is not asked on manual, and there is nothing to say of one feed alone', () =>
    inWard(async (ward) => {
      const urls = [await feedIn(ward, 'a', 8), await feedIn(ward, 'b', 9)];
      await rm(join(ward.folder, 'a'), { recursive: true });
      const manual = await ward.examine({ config: { update: { channel: 'manual', mirrors: urls } } });
      expect(finding(manual, 'feed.mirror.1')).toBe(
        'skip: not asked: the manual channel makes no request of its own',
      );
      const alone = await ward.examine({ config: { update: { feedUrl: urls[1] ?? '', mirrors: [] } } });
      expect(finding(alone, 'feed.mirror.1')).toBe('no check feed.mirror.1');
    }));
});
