/** What is built into the program: its version, its commit and its keys. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import semver from 'semver';
import { trustSetSchema, type TrustFile } from '../../src/bundle/trust.ts';
import { importTrustSet } from '../../src/bundle/trust-set.ts';
import { feedUrlSchema } from '../../src/config/index.ts';
import type { Embedded } from '../../src/embedded.ts';
import { BuildError, type BuildOptions } from './options.ts';
import { ROOT } from './root.ts';

async function readTrust(trust: BuildOptions['trust']): Promise<TrustFile | null> {
  if (trust === null) return null;
  let content: unknown = trust;
  try {
    if (typeof trust === 'string') content = JSON.parse(await readFile(trust, 'utf8'));
    importTrustSet(content);
    return trustSetSchema.parse(content);
  } catch (error) {
    const place = typeof trust === 'string' ? `${trust}: ` : '';
    throw new BuildError(
      `${place}expected a trust file: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

async function git(...args: string[]): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)('git', args, { cwd: ROOT });
    return stdout.trim();
  } catch {
    // No git, no repository or no commit yet: a build from a source archive is legal.
    return null;
  }
}

/**
 * The facts of a build.
 *
 * @throws BuildError where the trust file, the version or the feed URL is not valid
 */
export async function factsOf(options: BuildOptions): Promise<Embedded> {
  const { version: own } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    version: string;
  };
  const version = options.version ?? own;
  if (semver.valid(version) !== version) throw new BuildError(`expected a SemVer version, found ${version}`);
  const feedUrl = options.feedUrl ?? null;
  if (feedUrl !== null && !feedUrlSchema.safeParse(feedUrl).success)
    throw new BuildError(`expected as feed URL ${feedUrlSchema.description ?? 'a URL'}`);
  return {
    version,
    commit:
      options.commit ??
      (await git('describe', '--always', '--dirty', '--abbrev=40', '--exclude=*')) ??
      'unknown',
    builtFrom: options.builtFrom ?? Number((await git('log', '-1', '--format=%ct')) ?? 0) * 1000,
    trust: await readTrust(options.trust),
    feedUrl,
  };
}
