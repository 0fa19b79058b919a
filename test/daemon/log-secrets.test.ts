import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/index.ts';
import { createLogger } from '../../src/daemon/log-output.ts';
import { createScrub, secretsOf } from '../../src/daemon/log-secrets.ts';
import { startDaemon } from '../../src/daemon.ts';
import { freePort } from '../../demo/free-port.ts';
import { testKeys } from '../fixtures/keys.ts';
import { defaultConfig } from './metric-fixture.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'coresdk-secrets-'));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

describe('scrubbing', () => {
  it.each([
    ['proxy http://user:pass@proxy:3128 refused', 'proxy http://***@proxy:3128 refused'],
    ['https://only-user@host/x?y=1', 'https://***@host/x?y=1'],
    ['Authorization: Bearer abc.def-ghi', 'Authorization: Bearer ***'],
    ['Authorization: Basic dXNlcjpwYXNz', 'Authorization: Basic ***'],
    ['said hunter2! and hunter2 again', 'said ***! and *** again'],
    ['mail me@example.com, or see http://host/a@b', 'mail me@example.com, or see http://host/a@b'],
    ['https://updates.example/stable.jws: HTTP 500', 'https://updates.example/stable.jws: HTTP 500'],
  ])('%s', (text, clean) => {
    expect(createScrub(['hunter2'])(text)).toBe(clean);
  });

  it('takes the longest first, whatever JSON makes of it, and leaves short words alone', () => {
    expect(createScrub(['secret', 'secret-long', 'on'])('on: secret-long, secret')).toBe('on: ***, ***');
    expect(createScrub(['say "hi"\\'])(JSON.stringify({ msg: 'say "hi"\\' }))).toBe('{"msg":"***"}');
  });

  it('knows the secrets of a configuration', async () => {
    const config = await defaultConfig({ HTTPS_PROXY: 'http://u:p%40ss-word@proxy:1' });
    const found = secretsOf({
      ...config,
      probe: { ...config.probe, headers: { authorization: 'Bearer probe-token' } },
      workload: { ...config.workload, env: { DB_PASSWORD: 'db-pass', PORT: '7701' } },
    });
    expect(found).toEqual(
      expect.arrayContaining(['u:p%40ss-word', 'p%40ss-word', 'p@ss-word', 'probe-token', 'db-pass']),
    );
    expect(found).not.toContain('7701');
  });
});

describe('a line', () => {
  const lines = async (
    log: (logger: ReturnType<typeof createLogger>) => void,
    level = 'info',
  ): Promise<string[]> => {
    const written: string[] = [];
    const config = await defaultConfig();
    log(
      createLogger({ ...config, log: { level: level as 'info' } }, { write: (line) => written.push(line) }),
    );
    return written;
  };

  it('has its time in ISO 8601, its level as pino numbers it, and its fields', async () => {
    const [line = ''] = await lines((logger) => {
      logger.info({ attempt: 'a-1', state: 'checking' }, 'entered checking');
    });
    const { time, ...rest } = JSON.parse(line) as { time: string };
    expect(rest).toEqual({ level: 30, attempt: 'a-1', state: 'checking', msg: 'entered checking' });
    expect(new Date(time).toISOString()).toBe(time);
  });

  it('is written from log.level up', async () => {
    const written = await lines((logger) => {
      logger.info('no');
      logger.warn('yes');
    }, 'warn');
    expect(written.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual(['yes']);
    expect(
      await lines((logger) => {
        logger.fatal('no');
      }, 'silent'),
    ).toEqual([]);
  });

  it('holds no secret of the configuration, in whatever field', async () => {
    const written: string[] = [];
    const config = await defaultConfig({ HTTPS_PROXY: 'http://u:proxy-pass@proxy:1' });
    createLogger(config, { write: (line) => written.push(line) }).info(
      { url: 'x proxy-pass y', deep: { list: ['proxy-pass'] }, err: new Error('proxy-pass') },
      'refused by proxy-pass',
    );
    expect(written.join('')).toContain('***');
    expect(written.join('')).not.toContain('proxy-pass');
  });

  it('hides fields that are secrets by their name, two levels deep', async () => {
    const [line = ''] = await lines((logger) => {
      logger.info({ token: 't', request: { headers: { a: 'b' }, authorization: 'x' }, env: { A: 'b' } }, 'x');
    });
    expect(JSON.parse(line)).toMatchObject({
      token: '***',
      request: { headers: '***', authorization: '***' },
      env: '***',
    });
  });

  it('shows of an error what it is, and nothing that libraries hang on it', async () => {
    const error = Object.assign(new TypeError('broken', { cause: new Error('the deeper reason') }), {
      code: 'E_X',
      request: { headers: { cookie: 'session' } },
    });
    const [line = ''] = await lines((logger) => {
      logger.error({ err: error }, 'x');
    });
    const { err } = JSON.parse(line) as { err: { stack: string } };
    expect(err).toMatchObject({
      type: 'TypeError',
      code: 'E_X',
      message: 'broken',
      cause: 'Error: the deeper reason',
    });
    expect(err.stack).toContain('log-secrets.test.ts');
    expect(line).not.toContain('session');
  });
});

/** Every secret that a configuration may hold, each with a value of its own. */
const SECRETS = {
  proxyUser: 'proxy-user-4711',
  proxyPassword: 'proxy-pass%21-4712',
  proxyPasswordDecoded: 'proxy-pass!-4712',
  envToken: 'env-token-4713',
  envPlain: 'env-plain-4714',
  header: 'header-token-4715',
};

describe('a daemon with secrets in its configuration', () => {
  it('tells none of them: in no log line, status, event, history or error', async () => {
    const proxy = await freePort();
    const file = join(root, 'sidecar.yaml');
    await writeFile(
      file,
      `state_dir: ${join(root, 'state')}
update: { channel: edge, feed_url: 'http://updates.invalid/feed', retries: 0, check_interval: 3600 }
http: { proxy: 'http://${SECRETS.proxyUser}:${SECRETS.proxyPassword}@127.0.0.1:${String(proxy)}' }
workload:
  binary: /bin/sh
  command: ['{binary}', '-c', 'exit 3']
  env: { API_TOKEN: ${SECRETS.envToken}, PLAIN: ${SECRETS.envPlain} }
  backoff_initial: 3600
  backoff_max: 3600
probe:
  url: http://127.0.0.1:${String(proxy)}/healthz
  headers: { authorization: 'Bearer ${SECRETS.header}' }
log: { level: trace }
`,
      { mode: 0o600 },
    );
    const { config } = await loadConfig({ path: file, env: {}, exists: () => false });
    const told: string[] = [];
    const logger = createLogger(config, { write: (line) => told.push(line) });
    const { trustContent: trust } = await testKeys();
    const daemon = await startDaemon({
      config,
      embedded: { version: '1.0.0', commit: 'test', builtFrom: 0, trust, feedUrl: null },
      program: process.execPath,
      logger,
      onFatal: (error) => {
        throw error;
      },
    });
    const { api } = daemon;
    try {
      const crashed = new Promise((resolve) => {
        api.events((event) => {
          told.push(JSON.stringify(event));
          if (event.kind === 'workload' && event.workload.last_exit !== null) resolve(null);
        }, 0);
      });
      const ended = new Promise((resolve) => {
        api.events((event) => {
          if (event.kind === 'ended') resolve(event);
        });
      });
      // The start-up must be over before a check can be asked for.
      await new Promise((resolve) => {
        const end = api.events((event) => {
          if (event.kind === 'state' && event.state === 'idle') resolve(end);
        }, 0);
      });
      await api.check();
      await Promise.all([ended, crashed]);
      const wrong = await api.apply(join(root, 'none.jws')).catch((error: unknown) => String(error));
      told.push(wrong, JSON.stringify([await api.status(), await api.history(10), await api.logs(500)]));
    } finally {
      await daemon.stop();
    }
    // It got as far as the proxy and the workload, so there was something to tell.
    const all = told.join('\n');
    expect(all).toContain(`ECONNREFUSED 127.0.0.1:${String(proxy)}`);
    expect(all).toContain('crashed');
    for (const [name, value] of Object.entries(SECRETS))
      expect([name, all.includes(value)]).toEqual([name, false]);
  });

  it.each([
    `http: { proxy: 'http://u:${SECRETS.proxyPassword}@proxy/path' }`,
    `http: { proxy: '${SECRETS.proxyUser}:${SECRETS.proxyPassword}@proxy:3128' }`,
    `workload: { env: { API_TOKEN: '${SECRETS.envToken}\\0' } }`,
    `workload: { env: { 'NOT-A-NAME': ${SECRETS.envToken} } }`,
    `probe: { headers: { authorization: "${SECRETS.header}\\0" } }`,
    `probe: { headers: { authorization: ['${SECRETS.header}'] } }`,
    `update: { feed_url: 'https://u:${SECRETS.proxyPassword}@updates.example/' }`,
  ])('does not tell one where the configuration is refused: %s', async (text) => {
    const file = join(root, 'sidecar.yaml');
    await writeFile(
      file,
      `${text.replace('\\0', String.fromCharCode(92) + '0').replaceAll(/'([^']*\\0)'/g, '"$1"')}\n`,
      { mode: 0o600 },
    );
    const error = await loadConfig({ path: file, env: {}, exists: () => false }).catch((it: unknown) =>
      String(it),
    );
    expect(error).toContain('UpdateError');
    for (const value of Object.values(SECRETS)) expect(error).not.toContain(value);
  });
});
