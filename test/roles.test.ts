import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runRole } from '../src/roles.ts';

describe('the program', () => {
  let [out, err] = ['', ''];
  beforeEach(() => {
    [out, err] = ['', ''];
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => (out += String(text)) !== '');
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => (err += String(text)) !== '');
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it.each([
    [['--help']],
    [['-h']],
    [['self-test', '--help']],
    [['self-test', '-h']],
    [['self-test', '--config', 'x.yaml', '--help']],
    [['serve', '--help']],
    [['--config', 'x.yaml', '--help']],
    [['--inspect', '--help']],
    [['guard', '--help']],
  ])('%j shows the help, and does nothing', async (args) => {
    expect(await runRole('coresdk-sidecar', args)).toBe(0);
    expect(err).toBe('');
    expect(out).toMatch(/^coresdk-sidecar [^\n]+\n\nUsage:\n/);
    for (const role of ['serve', 'self-test [--config FILE]', 'core …', '--config FILE'])
      expect(out).toContain(role);
  });

  it('leaves `core … --help` to the CLI', async () => {
    expect(await runRole('coresdk-sidecar', ['core', 'sidecar', '--help'])).toBe(0);
    expect(out).toMatch(/^Usage: core sidecar /);
  });

  it.each([[['dance']], [['serve', 'extra']], [['self-test', '--config']], [['--config', 'a', 'b']]])(
    '%s ends with 2 and one line',
    async (args) => {
      expect(await runRole('coresdk-sidecar', args)).toBe(2);
      expect(out).toBe('');
      expect(err).toMatch(/^coresdk-sidecar: expected [^\n]+ \[USAGE\]: See `--help`\.\n$/);
    },
  );
});
