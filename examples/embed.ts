/**
 * A program that updates a part of itself: the updater runs inside it, with a workload and a health check of its own.
 *
 * Run it: `node examples/embed.ts`. It makes throw-away keys and a feed in a temporary folder, updates to a good release, then meets a
 * broken one and goes back by itself. Everything happens in this process and this folder; no port is opened.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
// In your program: from '@coresdk/sidecar-updater'.
import { createUpdater, type Adapters, type EmbeddedUpdater, type LaunchTarget } from '../src/index.ts';
// The publisher's side; in real life another host does this, with `core keys`, `core bundle` and `core feed`.
import { importTrustSet } from '../src/bundle/trust-set.ts';
import { hostPlatform } from '../src/config/index.ts';
import { createBundle } from '../src/publish/bundle-writer.ts';
import { publishToFeed } from '../src/publish/feed.ts';
import { generateKeys } from '../src/publish/keys.ts';
import { loadSignerFor } from '../src/publish/signer.ts';

const PRODUCT = 'greeter';

/** The part of this program that is updated: a text that it says. A real one would load a plug-in, a model or a rule set. */
interface Greeter {
  readonly adapters: Pick<Adapters, 'workload' | 'probe'>;
  readonly say: () => string | null;
}

const greetingIn = (program: string): string => /"(.*)"/.exec(program)?.[1] ?? '';

/**
 * The two adapters that an embedder most often brings: how its workload is started and stopped, and how its health is seen. All other
 * ports (disk, feed, journal, …) stay the updater's own.
 */
function createGreeter(): Greeter {
  let text: string | null = null;
  let target: LaunchTarget | null = null;
  let starts = 0;
  /** Resolves only when the signal fires: this workload ends only when it is told to. */
  const never = (signal: AbortSignal): Promise<never> =>
    new Promise((_, reject) => {
      const cancel = (): void => {
        reject(new Error('cancelled', { cause: signal.reason }));
      };
      if (signal.aborted) cancel();
      else signal.addEventListener('abort', cancel, { once: true });
    });
  return {
    say: () => text,
    adapters: {
      workload: {
        start: async (wanted) => {
          // `baseline` is what this program ships; everything else lies, verified, in the state directory.
          const { origin } = wanted.ref;
          text =
            origin === 'baseline' ? 'hello from the start' : greetingIn(await readFile(wanted.entry, 'utf8'));
          target = wanted;
          starts += 1;
          return { pid: starts };
        },
        stop: async () => {
          text = null;
          target = null;
        },
        status: () => ({
          state: target === null ? 'stopped' : 'running',
          ref: target?.ref ?? null,
          pid: target === null ? null : starts,
          startedAt: null,
          restarts: 0,
          lastExit: null,
        }),
        exit: (_pid, signal) => never(signal),
        crashLoop: (signal) => never(signal),
        endSurvivor: async () => null,
      },
      probe: {
        address: 'the greeter',
        look: async () => ({ healthy: text?.includes('hello') === true, detail: text ?? 'silence' }),
        // After a stop nobody may answer any more, or the updater would take the old version for the new one.
        answered: async () => text !== null,
      },
    },
  };
}

/** Makes keys, and what publishes a release: sign it, and put it into the feed's edge channel. */
async function createPublisher(root: string) {
  const keys = join(root, 'keys');
  const feedDir = join(root, 'feed');
  // 2048 bits, because making larger ones takes seconds.
  const { trust } = await generateKeys({
    product: PRODUCT,
    dir: keys,
    development: true,
    modulusLength: 2048,
  });
  const publish = async (version: string, text: string): Promise<void> => {
    const out = join(root, `${version}.jws`);
    await createBundle({
      product: PRODUCT,
      version,
      audience: 'feed',
      platform: hostPlatform(),
      entrypoint: 'greeting',
      files: [{ path: 'greeting', source: Buffer.from(`#!/bin/sh\necho "${text}"\n`), mode: 0o755 }],
      signer: await loadSignerFor(keys, 'bundle'),
      out,
    });
    const signer = await loadSignerFor(keys, 'head-edge');
    await publishToFeed({
      feedDir,
      trust: importTrustSet(trust),
      bundles: [out],
      signer,
      channel: 'edge',
      now: Date.now(),
    });
  };
  return { trust, feedUrl: pathToFileURL(feedDir).href, publish };
}

/** Checks, applies, and says how it went. */
async function update(updater: EmbeddedUpdater, say: () => string | null): Promise<string> {
  const { ended } = await updater.outcome(await updater.update({ dryRun: false }));
  const { current } = await updater.status();
  return `${ended?.outcome ?? ''}: ${ended?.reason ?? ''}\n  now ${current.version} says: ${say() ?? ''}`;
}

/**
 * The example.
 *
 * @param print - where its lines go
 */
export async function main(print: (line: string) => void): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'embed-example-'));
  try {
    const { trust, feedUrl, publish } = await createPublisher(root);
    await publish('1.1.0', 'hello from 1.1.0');

    const greeter = createGreeter();
    // `await using` stops it at the end of the block, whatever happens.
    await using updater = await createUpdater(
      // The keys of the configuration file, checked by the same schema; times in seconds.
      {
        state_dir: join(root, 'state'),
        update: { channel: 'edge', feed_url: feedUrl, rollback_timeout: 0.5 },
        probe: { interval: 0.05 },
      },
      // The keys are yours: whoever has the private ones decides what runs here. `env: {}`: no variable changes these settings.
      { trust, version: '1.0.0', adapters: greeter.adapters, env: {} },
    );
    updater.on('state', ({ state }) => {
      if (state !== 'idle') print(`  … ${state}`);
    });
    updater.on('probe', ({ healthy, detail }) => {
      if (!healthy) print(`  … unhealthy: ${detail}`);
    });

    await updater.start();
    print(`started; it says: ${greeter.say() ?? ''}`);
    print(await update(updater, greeter.say));

    await publish('1.2.0', 'bye');
    print(await update(updater, greeter.say));
    const [held] = await updater.quarantine();
    print(`in quarantine: ${held?.version ?? 'nothing'}, because of ${held?.reason.code ?? ''}`);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

if (import.meta.main) await main(console.log);
