import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { freePort } from '../../demo/free-port.ts';
import { serveFeed } from './support/feed-server.ts';
import { createHost } from './support/host.ts';

it('a mirror that is away and one that lags only delay: the release comes from the one that has it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'coresdk-mirrors-'));
  const [staleDir, goodDir] = [join(folder, 'stale'), join(folder, 'good')];
  const [dead, stale, good] = [await freePort(), await serveFeed(staleDir), await serveFeed(goodDir)];
  try {
    await using host = await createHost({
      config: {
        update: {
          feed_url: `http://127.0.0.1:${String(dead)}`,
          mirrors: [stale.url, good.url],
          check_interval: 0.2,
        },
        probe: { watch: 0 },
      },
    });
    const copyTo = (to: string): Promise<void> => cp(host.publisher.feedDir, to, { recursive: true });
    await host.publisher.publish({ version: '1.1.0' });
    await copyTo(staleDir);
    await copyTo(goodDir);
    await host.start();
    await host.until('the first update', ({ current }) => current.version === '1.1.0');
    // The one that is asked now says for ever that nothing is new.
    await host.publisher.publish({ version: '1.2.0' });
    await copyTo(goodDir);
    await host.until('the second update', ({ current }) => current.version === '1.2.0');
    const { mirrors } = await host.until(
      'both to be put back',
      (status) => status.mirrors?.filter((it) => it.put_back_until !== null).length === 2,
    );
    expect(mirrors?.map((it) => it.fault?.code ?? 'well')).toEqual([
      'FEED_UNREACHABLE',
      expect.stringMatching(/^(HEAD_STALE|FEED_REFUSED)$/),
      'well',
    ]);
    expect(stale.requests.length).toBeGreaterThan(0);
  } finally {
    await stale.close();
    await good.close();
    await rm(folder, { recursive: true });
  }
});
