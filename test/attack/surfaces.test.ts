/**
 * No way of telling a built program something adds, replaces or disables a key: every key of the configuration, every variable, every
 * option, every file of the state directory and every request is given the key of somebody else. The lists are the program's own.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { statePaths } from '../../src/adapters/state-dir.ts';
import type { TrustFile } from '../../src/bundle/trust.ts';
import { readTrustFile } from '../../src/publish/trust-file.ts';
import { ROUTES } from '../../src/control/route-table.ts';
import { UPDATE_VARIABLES } from '../../src/config/environment.ts';
import { loadConfig } from '../../src/config/index.ts';
import { core } from '../cli/support/core.ts';
import { cliCommands } from '../cli/support/tree.ts';
import { createHost, type Host } from '../e2e/support/host.ts';
import { eventually } from '../e2e/support/host-on.ts';
import { createPublisher } from '../e2e/support/publisher.ts';
import {
  foreignVariables,
  keysThatTake,
  material,
  OPTIONS_OF_OTHERS,
  ownVariables,
} from './support/surfaces.ts';

/** Keys that a host of these tests cannot do without, and those that its daemon does not start with: each is tried alone. */
const ALONE = ['state_dir', 'control.socket', 'workload.command', 'workload.binary'];

let file: string;
let trust: TrustFile;
let known: string[];
beforeAll(async () => {
  const { keys, foreignKeys } = inject('built');
  file = join(foreignKeys, 'trust.json');
  trust = JSON.parse(await readFile(file, 'utf8')) as TrustFile;
  known = [...(await readTrustFile(join(keys, 'trust.json'))).keys.keys()].sort();
});

/** Asserts that the daemon knows its own keys and no other. */
async function expectOwnKeysOnly(host: Host): Promise<void> {
  const { updater } = await host.until('idle', ({ state }) => state === 'idle');
  expect([...updater.key_ids].sort()).toEqual(known);
  const foreign = await host.publisher.bundle({
    version: '7.0.0',
    audience: 'airgap',
    keys: inject('built').foreignKeys,
  });
  const refused = await host.core('sidecar', 'update', '--bundle', foreign);
  expect(refused.stderr).toContain('JWS_KEY_UNKNOWN');
  expect(refused.code).toBe(3);
  expect(await host.versions()).toEqual([]);
}

type Sections = Record<string, Record<string, unknown>>;

const put = (config: Sections, key: string, value: unknown): Sections => {
  const [section = '', name = ''] = key.split('.');
  (config[section] ??= {})[name] = value;
  return config;
};

describe('somebody else’s key', () => {
  it('in each key of the configuration that takes it in some shape, and in a feed that it signed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'coresdk-surfaces-'));
    try {
      const hostile = createPublisher(folder, inject('built').foreignKeys);
      await mkdir(hostile.feedDir);
      await hostile.publish({ version: '9.0.0' });
      const feedUrl = `file://${hostile.feedDir}`;
      await using host = await createHost({
        config: { update: { feed_url: feedUrl, check_interval: 3600 } },
      });
      let together = parse(await readFile(host.configFile, 'utf8')) as Sections;
      const set: string[] = [];
      for (const { key, value } of keysThatTake({ ...material(file, trust), feed: [feedUrl] })) {
        if (ALONE.includes(key) || key === 'update.feed_url') continue;
        // A copy, or the file would hold aliases, which are refused.
        const more = put(structuredClone(together), key, structuredClone(value));
        await writeFile(host.configFile, stringify(more));
        // What is refused brings no key; all that is not is set together.
        const taken = await loadConfig({ path: host.configFile, explicit: true, env: {} }).then(
          () => true,
          () => false,
        );
        if (taken) set.push(key);
        together = taken ? more : together;
      }
      // If there is none, this tests nothing.
      expect(set).toEqual(expect.arrayContaining(['update.bundle_path', 'http.ca_file', 'workload.env']));
      // A daemon that does not start on a key names it; it starts once that is gone.
      for (let up = false; !up;) {
        await writeFile(host.configFile, stringify(together));
        await host.start();
        up = await Promise.race([
          host.exited().then(() => false),
          eventually('an answer', () => host.status()).then(() => true),
        ]);
        if (up) continue;
        const said = (await host.log()).trimEnd().split('\n').at(-1) ?? '';
        const named = set.find((key) => said.includes(key)) ?? '';
        expect(named, said).not.toBe('');
        put(together, named, undefined);
      }
      await host.until('idle', ({ state }) => state === 'idle');
      const { code, stderr } = await host.core('sidecar', 'update');
      expect(stderr).toContain('JWS_KEY_UNKNOWN');
      expect(code).toBe(3);
      await expectOwnKeysOnly(host);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it.each(ALONE)('as %s, which a host needs: the daemon does not come up on it', async (key) => {
    const shape = keysThatTake(material(file, trust)).find((taken) => taken.key === key);
    // No check of its own gets in the way of the one that is asked for.
    await using host = await createHost({ config: { update: { check_interval: 3600 } } });
    const config = parse(await readFile(host.configFile, 'utf8')) as Sections;
    if (key.includes('.')) put(config, key, shape?.value);
    else Object.assign(config, { [key]: shape?.value });
    await writeFile(host.configFile, stringify(config));
    await host.start();
    if (key.startsWith('workload.')) await expectOwnKeysOnly(host);
    else expect(await host.exited()).not.toBe(0);
  });

  it('in every variable that Node, OpenSSL or the program reads', async () => {
    // These change when an update comes, or stop the program; they are judged by the configuration’s schema.
    for (const name of UPDATE_VARIABLES)
      if (name !== 'CORESDK_UPDATE_BUNDLE_PATH')
        await expect(loadConfig({ env: { [name]: file } }), name).rejects.toThrow(name);
    const all = [...foreignVariables(), ...ownVariables()].filter(
      (name) => !UPDATE_VARIABLES.includes(name) && name !== 'NODE_REPL_EXTERNAL_MODULE',
    );
    expect(all).toEqual(expect.arrayContaining(['NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS', 'CORESDK_RUNTIME']));
    await using host = await createHost({ config: { update: { channel: 'manual' } } });
    const bundle = await host.publisher.bundle({
      version: '7.0.0',
      audience: 'airgap',
      keys: inject('built').foreignKeys,
    });
    const env = Object.fromEntries([...all, 'CORESDK_UPDATE_BUNDLE_PATH'].map((name) => [name, file]));
    const said = await call(['--version'], env);
    expect(keysIn(said.out)).toEqual(known);
    const judged = await call(['core', 'sidecar', 'update', '--bundle', bundle, '--verify-only'], env);
    expect(judged.err).toContain('JWS_KEY_UNKNOWN');
    // And a daemon with those that are not its own.
    await host.start({
      env: Object.fromEntries(
        foreignVariables()
          .filter((name) => all.includes(name))
          .map((name) => [name, file]),
      ),
    });
    await expectOwnKeysOnly(host);
  });

  it('in every file of the state directory', async () => {
    await using host = await createHost({ config: { update: { channel: 'manual' } } });
    const paths = statePaths(host.stateDir);
    await mkdir(paths.root, { mode: 0o700 });
    const folders = [paths.heads, paths.quarantine, paths.downloads, paths.versions];
    for (const folder of folders) {
      await mkdir(folder, { mode: 0o700 });
      for (const name of ['trust.json', 'edge.jws', 'keys.json'])
        await writeFile(join(folder, name), JSON.stringify(trust), { mode: 0o600 });
    }
    const files = (Object.values(paths) as string[]).filter(
      (path) => ![paths.root, paths.current, paths.controlSocket, ...folders].includes(path),
    );
    for (const path of [...files, join(paths.root, 'trust.json'), join(paths.root, 'embedded.json')])
      await writeFile(path, JSON.stringify(trust), { mode: 0o600 });
    await host.start();
    const { updater } = await host.until('an answer', () => true);
    expect([...updater.key_ids].sort()).toEqual(known);
  });

  it('in options: none of the operator’s commands has one for it, and those that take a file take no key', async () => {
    const commands = (await cliCommands()).filter(({ path }) => path[0] === 'sidecar' && path.length > 1);
    for (const { path } of commands)
      for (const option of OPTIONS_OF_OTHERS) {
        const { exit } = await core([...path, option, file]);
        expect(exit, [...path, option].join(' ')).toBe(2);
      }
    await using host = await createHost({ config: { update: { channel: 'manual' } } });
    await host.start();
    await host.until('idle', ({ state }) => state === 'idle');
    const update = commands.find(({ path }) => path.join(' ') === 'sidecar update');
    const bundle = await host.publisher.bundle({
      version: '7.0.0',
      audience: 'airgap',
      keys: inject('built').foreignKeys,
    });
    for (const { flags, value } of update?.options ?? []) {
      const option = flags.at(-1) ?? '';
      if (option === '--help' || option === '--bundle') continue;
      const given =
        value === null
          ? [option]
          : [option, option === '--socket' ? statePaths(host.stateDir).controlSocket : file];
      const { code, stderr } = await host.core('sidecar', 'update', '--bundle', bundle, ...given);
      // Who does not wait learns nothing.
      expect(option === '--no-wait' ? [0] : [1, 2, 3], `${option}: ${stderr}`).toContain(code);
    }
    await expectOwnKeysOnly(host);
    for (const option of OPTIONS_OF_OTHERS) expect((await call([option, file], {})).code, option).toBe(2);
  });

  it('in every request of the control API', async () => {
    await using host = await createHost({ config: { update: { channel: 'manual' } } });
    await host.start();
    await host.until('idle', ({ state }) => state === 'idle');
    const socketPath = statePaths(host.stateDir).controlSocket;
    for (const { method, path, special, body, bodyExample } of ROUTES) {
      if (special === 'events') continue;
      const asked = `${path.replaceAll(/\{\w+\}/g, 'x')}?trust=${encodeURIComponent(file)}`;
      const sent = { ...(bodyExample as object | undefined), trust, keys: trust.keys, trust_file: file };
      const status = await ask(socketPath, method, asked, sent);
      if (body !== null) expect(status, `${method} ${path}`).toBeGreaterThanOrEqual(400);
    }
    await expectOwnKeysOnly(host);
  });
});

const keysIn = (text: string): string[] =>
  [...text.matchAll(/^key (\S+)/gm)].map(([, kid]) => kid ?? '').sort();

function call(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(inject('built').program, args, { env }, (error, out, err) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, out, err });
    });
  });
}

function ask(socketPath: string, method: string, path: string, body: unknown): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path, headers: { 'content-type': 'application/json' } });
    asked.once('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    asked.once('error', reject);
    asked.end(method === 'POST' ? JSON.stringify(body) : undefined);
  });
}
