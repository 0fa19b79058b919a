/**
 * `npm run demo`: the main job, for real, on this machine: keys, builds, a feed over HTTP, a daemon and its workload as
 * processes. Ends with 0 only if every outcome that it tells of was observed. `--keep` leaves it running to look at, until Ctrl-C.
 */
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, open, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import type { AttemptView, Status } from '../src/control/api.ts';
import { createControlClient } from '../src/control/client.ts';
import { serveFeed } from './feed.ts';
import { freePort } from './free-port.ts';
import { createPublisher } from './releases.ts';

const PATIENCE_MS = 20_000;
const started = performance.now();
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const seconds = (): string => `${((performance.now() - started) / 1000).toFixed(2).padStart(6)} s`;
const say = (line: string): void => {
  console.log(`${seconds()}  ${line}`);
};
const title = (line: string): void => {
  console.log(`\n── ${line}`);
};

const failures: string[] = [];
const observe = (what: string, holds: boolean): void => {
  say(`${holds ? '✔' : '✘'} ${what}`);
  if (!holds) failures.push(what);
};

async function until<T>(what: string, look: () => Promise<T | null>): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  while (performance.now() < deadline) {
    const found = await look();
    if (found !== null) return found;
    await pause(20);
  }
  throw new Error(`this did not happen within ${String(PATIENCE_MS / 1000)} s: ${what}`);
}

const root = await mkdtemp(join(tmpdir(), 'coresdk-demo-'));
const stateDir = join(root, 'state');
const configFile = join(root, 'sidecar.yaml');
const logFile = join(root, 'daemon.log');
console.log(`Everything of this demo is in ${root}`);

title('The publisher: throw-away keys, four builds of the sidecar service, a feed on loopback');
const publisher = await createPublisher(root);
say('keys made, and built into each program: nothing else can add or replace one');
const programs = {
  '1.0.0': await publisher.build('1.0.0'),
  '1.1.0': await publisher.build('1.1.0'),
  '1.2.0': await publisher.build('1.2.0', true),
  '1.3.0': await publisher.build('1.3.0'),
};
const feed = await serveFeed(publisher.feedDir);
say(`built ${Object.keys(programs).join(', ')}; the feed is at ${feed.url}`);

const keep = process.argv.includes('--keep');
const port = await freePort();
const pagePort = await freePort();
const token = randomBytes(32).toString('hex');
const tokenFile = join(root, 'token');
await writeFile(tokenFile, `${token}\n`, { mode: 0o600 });
const address = `127.0.0.1:${String(port)}`;
const grpcAddress = `127.0.0.1:${String(await freePort())}`;
const config = {
  update: { channel: 'edge', feed_url: feed.url, check_interval: 1, rollback_timeout: 3, jitter: 0 },
  workload: {
    env: { CORESDK_HTTP_ADDR: address, CORESDK_GRPC_ADDR: grpcAddress },
    output: join(root, 'workload.log'),
  },
  probe: { url: `http://${address}/healthz`, interval: 0.2, watch: 0.5 },
  state_dir: stateDir,
  control: { http: `127.0.0.1:${String(pagePort)}`, token_file: tokenFile },
};
await writeFile(configFile, stringify(config), { mode: 0o600 });

title('The operator: starts the daemon');
const log = await open(logFile, 'a', 0o600);
// The program runs on the Node that runs this demo.
const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}` };
const daemon = spawn(programs['1.0.0'], ['--config', configFile], { env, stdio: ['ignore', log.fd, log.fd] });
await log.close();
const ended = new Promise<number | null>((resolve) => daemon.once('exit', resolve));
const client = createControlClient({ socket: join(stateDir, 'control.sock') });

const answer = async (): Promise<string | null> => {
  try {
    const response = await fetch(`http://${address}/version`, { headers: { connection: 'close' } });
    return ((await response.json()) as { version: string }).version;
  } catch {
    // Nobody listens: the answer of a workload that is down.
    return null;
  }
};
const status = async (): Promise<Status | null> => {
  if (daemon.exitCode !== null) throw new Error(`the daemon ended with exit code ${String(daemon.exitCode)}`);
  try {
    return await client.status();
  } catch (error) {
    if (existsSync(join(stateDir, 'control.sock'))) throw error;
    return null;
  }
};

/** Follows the attempt for a version, state by state, from the daemon's journal. */
async function follow(what: string, isIt: (attempt: AttemptView) => boolean): Promise<AttemptView> {
  const seen = new Map<string, number>();
  return until(what, async () => {
    const attempt = (await client.history(5)).find(isIt);
    if (attempt === undefined) return null;
    for (const step of attempt.steps.slice(seen.get(attempt.id) ?? 0)) {
      say(`   ${step.at.slice(11, 23)}  ${step.state}`);
    }
    seen.set(attempt.id, attempt.steps.length);
    return attempt.outcome === null ? null : attempt;
  });
}

async function story(): Promise<void> {
  await until('1.0.0 answers', async () => ((await answer()) === '1.0.0' ? true : null));
  await until('the daemon is idle', async () => ((await status())?.state === 'idle' ? true : null));
  observe('1.0.0 runs and answers', (await answer()) === '1.0.0');
  const page = await fetch(`http://127.0.0.1:${String(pagePort)}/`);
  observe('the live page is served', page.ok && (await page.text()).includes('state-probing'));
  say(`look at it while it happens: http://127.0.0.1:${String(pagePort)}/#token=${token}`);

  title('1.1.0 is published: a good release');
  await publisher.publish('1.1.0', programs['1.1.0']);
  const good = await follow('the attempt for 1.1.0 ends', ({ to }) => to === '1.1.0');
  observe(`1.1.0 was committed (${good.reason})`, good.outcome === 'committed');
  observe('1.1.0 answers', (await answer()) === '1.1.0');
  await until('the watch over 1.1.0 is over', async () =>
    (await status())?.watching === null ? true : null,
  );

  title('1.2.0 is published: it starts, and answers 500');
  await publisher.publish('1.2.0', programs['1.2.0']);
  const bad = await follow('the attempt for 1.2.0 ends', ({ to }) => to === '1.2.0');
  say(`   ${bad.error?.code ?? 'no error'}: ${bad.reason}`);
  observe('1.2.0 was rolled back', bad.outcome === 'rolledBack');
  observe('1.1.0 answers again', (await answer()) === '1.1.0');
  const after = await status();
  observe('1.2.0 is in quarantine', after?.quarantine.some(({ version }) => version === '1.2.0') === true);

  title('1.3.0 is published: a mirror changes one byte of it on the way');
  const pid = after?.workload.pid ?? null;
  feed.tamper('1.3.0');
  await publisher.publish('1.3.0', programs['1.3.0']);
  const forged = await follow(
    'the attempt for 1.3.0 ends',
    (it) => it.error?.code.startsWith('JWS_') === true,
  );
  say(`   ${forged.error?.code ?? 'no error'}: ${forged.reason}`);
  observe('1.3.0 was refused for its signature', forged.error?.code === 'JWS_SIGNATURE_INVALID');
  observe('nothing of 1.3.0 was staged', !existsSync(join(stateDir, 'versions', '1.3.0')));
  observe('the attempt never came as far as staging', !forged.steps.some(({ state }) => state === 'staging'));
  const last = await status();
  observe(
    '1.1.0 answers, by the same process as before',
    (await answer()) === '1.1.0' && last?.workload.pid === pid,
  );

  for (const command of ['status', 'history']) {
    title(`core sidecar ${command}`);
    const core = join(dirname(programs['1.0.0']), 'core');
    const { stdout } = await promisify(execFile)(core, ['sidecar', command, '--config', configFile], { env });
    console.log(stdout.trimEnd());
  }
}

try {
  await story();
} catch (error) {
  failures.push(error instanceof Error ? error.message : String(error));
  console.error(`\nThe daemon's log:\n${await readFile(logFile, 'utf8')}`);
} finally {
  if (keep && failures.length === 0) {
    title('Left running, until Ctrl-C');
    say(`the live page: http://127.0.0.1:${String(pagePort)}/#token=${token}`);
    await new Promise<void>((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, resolve);
    });
  }
  daemon.kill('SIGTERM');
  const code = await ended;
  observe(
    'the daemon stopped in good order, and nobody answers any more',
    code === 0 && (await answer()) === null,
  );
  await feed.close();
}

console.log(`\nState, log and feed stay in ${root} (delete it when you like).`);
if (failures.length > 0) {
  console.error(`\nNOT observed: ${failures.join('; ')}`);
  process.exitCode = 1;
} else console.log(`Every outcome was observed, in ${seconds().trim()}.`);
