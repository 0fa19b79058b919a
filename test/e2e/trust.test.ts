import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { headSchema } from '../../src/bundle/head.ts';
import { loadSignerFor } from '../../src/publish/signer.ts';
import { promoteRelease } from '../../src/publish/promote.ts';
import { readTrustFile } from '../../src/publish/trust-file.ts';
import { createHost, type Host } from './support/host.ts';
import { flipByte, type ReleaseRequest } from './support/publisher.ts';

/** A manual host with its baseline running, and the pid of the workload. */
async function manualHost(): Promise<{ host: Host; pid: number | null }> {
  const host = await createHost({ config: { update: { channel: 'manual' } } });
  await host.start();
  const { workload } = await host.until(
    'idle',
    ({ state, workload: it }) => state === 'idle' && it.state === 'running',
  );
  return { host, pid: workload.pid };
}

async function expectUntouched(host: Host, pid: number | null): Promise<void> {
  expect(await host.versions()).toEqual([]);
  expect((await host.status())?.workload.pid).toBe(pid);
}

describe('a local bundle', () => {
  it('is installed on the manual channel when it is for air-gapped hosts (ES256); the same again is nothing to do', async () => {
    const { host, pid } = await manualHost();
    await using _ = host;
    const bundle = await host.publisher.bundle({ version: '1.1.0', audience: 'airgap' });
    expect((await host.core('sidecar', 'update', '--bundle', bundle)).code).toBe(0);
    expect(await host.untilAnswer()).toBe('1.1.0');
    expect((await host.status())?.workload.pid).not.toBe(pid);
    expect((await host.core('sidecar', 'update', '--bundle', bundle)).code).toBe(0);
    expect((await host.history()).filter(({ outcome }) => outcome === 'committed')).toHaveLength(1);
    expect(host.feed.requests).toEqual([]);
  });

  const foreign = inject('built').foreignKeys;
  const refusals: {
    name: string;
    code: string;
    request: ReleaseRequest;
    spoil?: (path: string) => Promise<void>;
  }[] = [
    {
      name: 'one flipped byte',
      code: 'JWS_SIGNATURE_INVALID',
      request: { version: '1.1.0', audience: 'airgap' },
      spoil: flipByte,
    },
    {
      name: 'no signature',
      code: 'JWS_MALFORMED',
      request: { version: '1.1.0', audience: 'airgap' },
      spoil: async (path) => {
        const text = await readFile(path, 'ascii');
        await writeFile(path, text.slice(0, text.lastIndexOf('.') + 1));
      },
    },
    {
      name: 'a key that the program does not know',
      code: 'JWS_KEY_UNKNOWN',
      request: { version: '1.1.0', audience: 'airgap', keys: foreign },
    },
    {
      name: 'an RS256 bundle for feeds, which no head names',
      code: 'BUNDLE_NOT_NAMED',
      request: { version: '1.1.0', audience: 'feed' },
    },
    {
      name: 'another product',
      code: 'WRONG_PRODUCT',
      request: { version: '1.1.0', audience: 'airgap', product: 'something-else' },
    },
    {
      name: 'another platform',
      code: 'WRONG_PLATFORM',
      request: { version: '1.1.0', audience: 'airgap', platform: { os: 'darwin', arch: 'arm64' } },
    },
  ];
  it.each(refusals)(
    'is refused with $code for $name: exit 3, nothing staged, the process untouched',
    async ({ code, request, spoil }) => {
      const { host, pid } = await manualHost();
      await using _ = host;
      const bundle = await host.publisher.bundle(request);
      await spoil?.(bundle);
      const { code: exit, stderr } = await host.core('sidecar', 'update', '--bundle', bundle);
      expect(stderr).toContain(code);
      expect(exit).toBe(3);
      await expectUntouched(host, pid);
    },
  );

  it('is refused when it is of a lower version than what runs', async () => {
    const { host } = await manualHost();
    await using _ = host;
    const newer = await host.publisher.bundle({ version: '1.2.0', audience: 'airgap' });
    const older = await host.publisher.bundle({ version: '1.1.0', audience: 'airgap' });
    expect((await host.core('sidecar', 'update', '--bundle', newer)).code).toBe(0);
    const { code, stderr } = await host.core('sidecar', 'update', '--bundle', older);
    expect(stderr).toContain('VERSION_TOO_LOW');
    expect(code).toBe(3);
    expect(await host.untilAnswer()).toBe('1.2.0');
  });

  it('is verified without a daemon by --verify-only, and nothing is installed', async () => {
    await using host = await createHost();
    const bundle = await host.publisher.bundle({ version: '1.1.0', audience: 'airgap' });
    expect(await host.core('sidecar', 'update', '--bundle', bundle, '--verify-only')).toMatchObject({
      code: 0,
    });
    await flipByte(bundle);
    const bad = await host.core('sidecar', 'update', '--bundle', bundle, '--verify-only');
    expect(bad.code).toBe(3);
    expect(bad.stderr.trim().split('\n')).toHaveLength(1);
  });

  it('is what a bare update applies on manual, when bundle_path names it', async () => {
    await using host = await createHost({
      config: { update: { channel: 'manual' } },
      env: { CORESDK_UPDATE_BUNDLE_PATH: join('/nonexistent', 'placeholder.jws') },
    });
    await host.start();
    await host.until('idle', ({ state }) => state === 'idle');
    const { code, stderr } = await host.core('sidecar', 'update');
    expect(stderr).toContain('BUNDLE_NOT_FOUND');
    expect(code).toBe(1);
  });
});

describe('a security override on stable', () => {
  const DAY_MS = 24 * 3600 * 1000;

  /** A host on stable, where 1.1.0 was promoted after one day on edge, with the publisher's exception. */
  async function hurriedHost(update: Record<string, unknown> = {}): Promise<Host> {
    const host = await createHost({ config: { update: { channel: 'stable', ...update } } });
    await host.publisher.publish({ version: '1.1.0' }, { now: Date.now() - DAY_MS });
    const { keys } = inject('built');
    await promoteRelease({
      feedDir: host.publisher.feedDir,
      signer: await loadSignerFor(keys, 'head-stable'),
      trust: await readTrustFile(join(keys, 'trust.json')),
      security: 'CVE-2026-1',
    });
    await host.start();
    return host;
  }

  it('is refused unless the operator allows it, with the time that is left', async () => {
    await using host = await hurriedHost();
    const { last_error: error } = await host.until('a refusal', (status) => status.last_error !== null);
    expect(error).toMatchObject({ code: 'BAKE_TOO_SHORT', message: expect.stringContaining('6 d are left') });
    expect(await host.versions()).toEqual([]);
  });

  it('is taken where it is allowed, and loud in the history, the status and the log', async () => {
    await using host = await hurriedHost({ allow_security_override: true });
    const { warnings } = await host.until('1.1.0 is committed', ({ version_floor: floor }) => floor !== null);
    expect(warnings).toContainEqual(
      expect.objectContaining({
        code: 'BAKE_TOO_SHORT',
        message: expect.stringMatching(/override: CVE-2026-1$/),
      }),
    );
    expect(await host.history()).toMatchObject([
      { outcome: 'committed', to: '1.1.0', reason: 'HTTP 200; security override: CVE-2026-1' },
    ]);
    expect(await host.log()).toMatch(/"level":40.*security override: CVE-2026-1/);
  });
});

describe('a rollout', () => {
  it('holds the release back, says so in the status, and lets an operator take it', async () => {
    // Long enough for an operator to come between two checks.
    await using host = await createHost({ config: { update: { check_interval: 8 } } });
    const start = Math.floor(Date.now() / 1000) + 3600;
    await host.publisher.publish({ version: '1.1.0' }, { rollout: { start, duration: 3600 } });
    await host.start();
    const { held_back: held, last_error: error } = await host.until(
      'it is held',
      (it) => it.held_back !== null,
    );
    expect(held).toMatchObject({ version: '1.1.0', reason: expect.stringContaining(held?.until ?? '?') });
    expect(Date.parse(held?.until ?? '')).toBeGreaterThan(start * 1000);
    expect(error).toBeNull();
    expect((await host.core('sidecar', 'status')).stdout).toContain('held back');
    expect((await host.core('sidecar', 'update')).code).toBe(0);
    const { held_back: after } = await host.until('1.1.0 runs', ({ current }) => current.version === '1.1.0');
    expect(after).toBeNull();
  });
});

describe('algorithms and audiences', () => {
  it.each(['stable', 'edge'] as const)('RS256 from the feed on %s', async (channel) => {
    await using host = await createHost({ config: { update: { channel } } });
    await host.publisher.publish({ version: '1.1.0' }, { channel });
    await host.start();
    await host.until('1.1.0 is current', ({ current }) => current.version === '1.1.0');
    const bundle = await host.publisher.bundle({ version: '1.1.0' });
    const inspected = await host.core('bundle', 'inspect', bundle, '--json');
    expect(inspected.stdout).toContain('RS256');
  });

  it('an airgap bundle is refused even when a signed head of the channel names it', async () => {
    await using host = await createHost();
    const path = await host.publisher.publish({ version: '1.1.0' });
    const airgap = await readFile(await host.publisher.bundle({ version: '1.1.0', audience: 'airgap' }));
    await writeFile(path, airgap);
    const headFile = join(host.publisher.feedDir, 'edge.jws');
    const [, payload = ''] = (await readFile(headFile, 'ascii')).split('.');
    const head = headSchema.parse(JSON.parse(Buffer.from(payload, 'base64url').toString()));
    for (const bundle of head.targets.flatMap(({ bundles }) => bundles)) {
      bundle.size = airgap.length;
      bundle.sha256 = createHash('sha256').update(airgap).digest('hex');
    }
    const signer = await loadSignerFor(inject('built').keys, 'head-edge');
    await writeFile(headFile, await signer.signSmall(Buffer.from(JSON.stringify(head)), 'coresdk-head+jwt'));
    await host.start();
    const { last_error } = await host.until('a refusal', (status) => status.last_error !== null);
    expect(last_error?.code).toBe('WRONG_AUDIENCE');
    expect(await host.versions()).toEqual([]);
  });
});
