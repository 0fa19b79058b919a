import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProbe } from '../../src/adapters/probe.ts';
import { loadConfig } from '../../src/config/index.ts';

const page = await readFile(join(import.meta.dirname, '../../docs/probes.md'), 'utf8');
const snippets = [...page.matchAll(/^```yaml\n([^]*?)^```$/gm)].map(([, yaml = '']) => yaml);

describe('docs/probes.md', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'probes-doc-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('shows every kind of probe', () => {
    expect(snippets).toHaveLength(10);
    for (const kind of ['http:', 'https:', 'grpc:', 'grpcs:', 'tcp:']) expect(page).toContain(`url: ${kind}`);
  });

  it.each(snippets)('shows a configuration that a daemon starts with: %s', async (yaml) => {
    const path = join(folder, 'sidecar.yaml');
    await writeFile(path, yaml, { mode: 0o600 });
    const { config, warnings } = await loadConfig({ path, explicit: true, env: {}, exists: () => false });
    expect(warnings).toEqual([]);
    const { caFile } = config.probe;
    // The file of the authority is the reader's own.
    const probe = createProbe({ ...config.probe, caFile: null });
    expect((await probe).address).not.toBe('');
    if (caFile !== null) await expect(createProbe(config.probe)).rejects.toThrow(/^probe\.ca_file/);
  });
});
