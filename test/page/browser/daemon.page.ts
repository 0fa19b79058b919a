import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pageFiles } from '../../../src/control/page/files.ts';
import { startUiServer } from '../../../src/control/page/ui-server.ts';
import { audit, hasBrowser, openPage, startBrowser, type WatchedPage } from '../support/browser.ts';
import { startRig, type PageRig } from '../support/rig.ts';

const PATIENCE = { timeout: 90_000 };

describe.skipIf(!hasBrowser)('the page over a real daemon', () => {
  let browser: Browser;
  let rig: PageRig;
  let opened: WatchedPage;
  let page: Page;
  beforeAll(async () => {
    browser = await startBrowser();
    rig = await startRig();
    opened = await openPage(browser, rig.url);
    ({ page } = opened);
    await page.locator('#headline', { hasText: '1.0.0 runs' }).waitFor(PATIENCE);
  });
  afterAll(async () => {
    if (!hasBrowser) return;
    await opened.close();
    await rig.close();
    await browser.close();
  });

  const check = async (): Promise<void> => {
    await page.locator('#do-check').click();
    await page.locator('#ask-yes').click();
  };
  /** Ids of what is drawn as the way, in the order of the document. */
  const lit = (name: string): Promise<string[]> =>
    page.evaluate<string[]>(`[...document.querySelectorAll('#chart-frame .${name}')].map(({ id }) => id)`);

  it('follows an update to its commit', async () => {
    await rig.publisher.publish('1.1.0', rig.programs['1.1.0']);
    await check();
    await page.locator('#headline', { hasText: '1.1.0 runs' }).waitFor(PATIENCE);
    await page.locator('#history .tag', { hasText: 'committed' }).waitFor(PATIENCE);
    expect(await lit('is-now')).toEqual(['state-idle']);
    expect(await lit('is-path')).toEqual(
      expect.arrayContaining([
        'edge-checking-downloading-done',
        'edge-swapping-probing-done',
        'edge-probing-committed-done',
        'edge-committed-idle-done',
      ]),
    );
    expect(await page.locator('#versions li', { hasText: '1.1.0' }).textContent()).toContain('current');
    expect(await audit(page)).toEqual([]);
  });

  it('follows an update that fails back to the version before, with the evidence', async () => {
    await rig.publisher.publish('1.2.0', rig.programs['1.2.0']);
    await check();
    await page.locator('#headline', { hasText: 'Probing its health · 1.1.0 → 1.2.0' }).waitFor(PATIENCE);
    await page
      .locator('#strip .tick.bad')
      .nth(2)
      .waitFor({ ...PATIENCE, state: 'attached' });
    await page.locator('#history .tag', { hasText: 'rolled back' }).waitFor(PATIENCE);
    await page.locator('#quarantine summary').click();
    expect(await page.locator('#quarantine').textContent()).toContain('HTTP 500');
    expect(await lit('is-path')).toEqual(
      expect.arrayContaining([
        'edge-probing-rollingBack-error',
        'edge-rollingBack-rolledBack-done',
        'edge-rolledBack-idle-done',
      ]),
    );
    expect(await page.locator('#headline').textContent()).toContain('1.1.0 runs');
    expect(await audit(page)).toEqual([]);
  });

  it('replays the attempt before, step by step', async () => {
    await page.getByRole('button', { name: /^Replay 1\.1\.0/ }).click();
    const states: string[] = [];
    for (;;) {
      states.push((await lit('is-now'))[0] ?? '');
      if (await page.locator('#replay-on').isDisabled()) break;
      await page.locator('#replay-on').click();
    }
    expect(states).toEqual(
      [
        'idle',
        'checking',
        'downloading',
        'verifying',
        'staging',
        'waiting',
        'swapping',
        'probing',
        'committed',
        'idle',
      ].map((state) => `state-${state}`),
    );
    await page.locator('#replay-end').click();
    expect(await page.locator('#chart-caption').textContent()).toBe('now: idle');
  });

  it('says when the daemon is gone, and goes on when it is back', async () => {
    await rig.stopDaemon();
    await page.locator('#gone', { hasText: 'does not answer' }).waitFor(PATIENCE);
    await rig.startDaemon();
    // Its sessions ended with it: the page asks for the token again.
    await page.locator('#token').fill('e'.repeat(64), PATIENCE);
    await page.keyboard.press('Enter');
    await page.locator('#headline', { hasText: '1.1.0 runs' }).waitFor(PATIENCE);
    expect(opened.faults).toEqual([]);
  });

  it('does the same over the unix socket, by `core sidecar ui`', async () => {
    const server = await startUiServer({ socket: rig.socket, files: await pageFiles() });
    try {
      const other = await openPage(browser, server.url);
      await other.page.locator('#headline', { hasText: '1.1.0 runs' }).waitFor(PATIENCE);
      await rig.stopDaemon();
      await other.page.locator('#gone', { hasText: 'does not answer' }).waitFor(PATIENCE);
      await rig.startDaemon();
      await other.page.locator('#said', { hasText: 'Connected again.' }).waitFor(PATIENCE);
      expect(other.faults).toEqual([]);
      await other.close();
    } finally {
      await server.close();
    }
  });
});
