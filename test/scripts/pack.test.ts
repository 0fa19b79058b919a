import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { build } from '../../scripts/build.ts';
import { packModule, unpackProgram, UNPACKER } from '../../scripts/pack.ts';

describe('a packed module', () => {
  it('is shown as it was, and does what it did', () => {
    const code = 'module.exports = { answer: () => "*/ \\" ` ü" + typeof require };';
    const packed = packModule(code, 'answer');
    expect(packed).not.toContain('answer: ()');
    expect(unpackProgram(`before;${packed};after`)).toBe(`before;export const { answer } = ${code};;after`);
    const program = `var __module_url;${UNPACKER}${packed.replace('export const', 'const')}process.stdout.write(answer())`;
    expect(execFileSync(process.execPath, ['-e', program], { encoding: 'utf8' })).toBe('*/ " ` üfunction');
  });

  it('is the same each time', () => {
    expect(packModule('module.exports = {}', 'x')).toBe(packModule('module.exports = {}', 'x'));
  });
});

describe('the program', () => {
  it('holds its roles packed, and shows all of itself when unpacked', async () => {
    const out = await mkdtemp(join(tmpdir(), 'pack-'));
    try {
      const { program } = await build({ out, trust: null, version: '1.2.3', commit: 'abc' });
      const text = await readFile(program, 'utf8');
      for (const role of ['runCli', 'runDaemon', 'runServe', 'createGrpcServer']) {
        expect(text, role).not.toContain(`function ${role}(`);
        expect(unpackProgram(text), role).toContain(`function ${role}(`);
      }
      expect(execFileSync(program, ['--version'], { encoding: 'utf8' })).toBe(
        'coresdk-sidecar 1.2.3 (commit abc, NO KEYS: every update is refused)\n',
      );
      expect(execFileSync(program, ['core', 'sidecar', '--help'], { encoding: 'utf8' })).toContain('history');
    } finally {
      await rm(out, { recursive: true });
    }
  });
});
