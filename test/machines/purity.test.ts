import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

describe('purity', () => {
  const folder = join(import.meta.dirname, '../../src/machines');

  it('imports only xstate, types and its own folder', async () => {
    const files = (await readdir(folder)).filter((name) => name.endsWith('.ts'));
    expect(files).toContain('update.machine.ts');
    for (const file of files) {
      const source = await readFile(join(folder, file), 'utf8');
      const imports = [...source.matchAll(/^import (type )?[^;]*? from '([^']+)';$/gm)];
      expect(imports, file).toHaveLength([...source.matchAll(/\bimport\b/g)].length);
      for (const [line, typeOnly, from] of imports) {
        const ours = /^\.\/[a-z.]+\.ts$/.test(from ?? '');
        expect(typeOnly !== undefined || from === 'xstate' || ours, `${file}: ${line}`).toBe(true);
      }
    }
  });

  it('reads no clock and does nothing by itself', async () => {
    for (const file of await readdir(folder)) {
      const source = await readFile(join(folder, file), 'utf8');
      expect(source, file).not.toMatch(
        /Date\.now|new Date\(\)|Math\.random|performance|setTimeout|setInterval|console\.|process\./,
      );
    }
  });
});
