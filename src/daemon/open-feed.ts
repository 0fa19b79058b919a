/** Opens the feed and its mirrors. */
import { systemClock } from '../adapters/clock.ts';
import { createFeed } from '../adapters/feed.ts';
import { createHttpClient } from '../adapters/http-client.ts';
import { createMirroredFeed, type Mirror } from '../adapters/mirrored-feed.ts';
import { openTlsFiles } from '../adapters/tls-files.ts';
import type { Config } from '../config/index.ts';
import type { AdapterOptions } from './adapter-options.ts';

/** The feed, and the clients by which everything is asked of it and of its mirrors. It sends nothing yet. */
export async function openFeed(
  url: string,
  config: Pick<Config, 'update' | 'http'>,
): Promise<ReturnType<typeof createFeed>> {
  const mirrors = config.update.mirrors.filter((it) => it !== url);
  if (mirrors.length === 0) return openMirror(url, config);
  const opened: Mirror[] = [];
  for (const it of [url, ...mirrors]) opened.push({ url: it, feed: await openMirror(it, config) });
  return createMirroredFeed(opened, systemClock);
}

async function openMirror(
  url: string,
  { update, http }: Pick<Config, 'update' | 'http'>,
): Promise<ReturnType<typeof createFeed>> {
  const tls = await openTlsFiles(http);
  return createFeed(url, {
    client: url.startsWith('file:') ? undefined : createHttpClient({ proxies: http.proxies, tls }),
    clock: systemClock,
    stallMs: update.stallTimeoutMs,
    retries: update.retries,
    maxBytesPerSecond: update.maxBytesPerSecond,
  });
}

/** The feed's address: the operator's, else the one that the program was built with, else the first mirror. */
export function feedUrlOf({ config, embedded }: Pick<AdapterOptions, 'config' | 'embedded'>): string | null {
  return config.update.feedUrl ?? embedded.feedUrl ?? config.update.mirrors[0] ?? null;
}
