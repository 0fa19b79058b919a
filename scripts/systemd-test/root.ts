/** The root file system of the container: a minimal Debian with systemd, made once and never written to again. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must, run } from './command.ts';

/** Where roots are kept between runs. */
const CACHE_VARIABLE = 'CORESDK_SYSTEMD_TEST_CACHE';
/** What the container needs: systemd, Node's libraries, and what the documentation's commands call. */
const PACKAGES = ['systemd', 'systemd-sysv', 'dbus', 'libatomic1', 'libstdc++6', 'sudo', 'curl'];
/** Changes when the content does. */
const RECIPE = 1;
const BOOTSTRAP_MS = 6 * 60_000;

async function suiteOf(): Promise<string> {
  const codename = /^VERSION_CODENAME=(\w+)$/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1];
  if (codename === undefined) throw new Error('expected a codename in /etc/os-release, found none');
  return codename;
}

/** The mirror that this machine's own apt takes this suite from. */
async function mirrorOf(suite: string): Promise<string> {
  const targets = await must('apt-get', [
    'indextargets',
    '--format',
    '$(CODENAME) $(COMPONENT) $(REPO_URI)',
    'Created-By: Packages',
  ]);
  const found = targets.split('\n').map((line) => line.split(' '));
  const uri = found.find(([codename, component]) => codename === suite && component === 'main')?.[2];
  if (uri === undefined) throw new Error(`expected a source of ${suite} main in apt's lists, found none`);
  return uri;
}

/** debootstrap knows nothing of apt's proxy. */
async function proxyOf(): Promise<NodeJS.ProcessEnv> {
  const { stdout } = await run('apt-config', ['shell', 'proxy', 'Acquire::http::Proxy']);
  const proxy = /^proxy='(.*)'$/m.exec(stdout)?.[1];
  return proxy === undefined ? process.env : { ...process.env, http_proxy: proxy };
}

/**
 * The root's folder; made with debootstrap if it is not there yet.
 *
 * @param say - told when it takes long
 */
export async function rootFolder(say: (line: string) => void): Promise<string> {
  const suite = await suiteOf();
  const cache = process.env[CACHE_VARIABLE] ?? tmpdir();
  const root = join(cache, `coresdk-systemd-root-${suite}-${process.arch}-${String(RECIPE)}`);
  if (existsSync(root)) return root;
  say('making the root file system (once; about a minute)');
  await mkdir(cache, { recursive: true });
  const draft = await mkdtemp(`${root}.draft-`);
  try {
    const args = ['--variant=minbase', `--include=${PACKAGES.join(',')}`, suite, draft];
    await must('debootstrap', [...args, await mirrorOf(suite)], {
      patienceMs: BOOTSTRAP_MS,
      env: await proxyOf(),
    });
    await rm(join(draft, 'var/cache/apt/archives'), { recursive: true, force: true });
    await must('chmod', ['755', draft]);
    // Somebody else may have been faster: theirs is as good.
    if (!existsSync(root)) await rename(draft, root);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return root;
}
