import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

it('NATS is not loaded by a daemon that has no fleet', () => {
  const script = `
    import { createRequire } from 'node:module';
    await import(${JSON.stringify(join(import.meta.dirname, '../../src/updater.ts'))});
    const loaded = Object.keys(createRequire(import.meta.url).cache);
    console.log(JSON.stringify(loaded.filter((path) => path.includes('@nats-io'))));
  `;
  const said = execFileSync(process.execPath, ['--input-type=module', '--no-warnings', '-e', script], {
    encoding: 'utf8',
  });
  expect(JSON.parse(said)).toEqual([]);
});
