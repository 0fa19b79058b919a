import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Status } from '../../../src/control/api.ts';
import { audit, hasBrowser, openPage, overflow, startBrowser, type WatchedPage } from '../support/browser.ts';
import {
  attempts,
  fullStatus,
  HOSTILE,
  hostileAttempts,
  hostileStatus,
  startScripted,
  type ScriptedPage,
} from '../support/scripted.ts';

let browser: Browser;
const open: (() => Promise<void>)[] = [];
beforeAll(async () => {
  if (hasBrowser) browser = await startBrowser();
});
afterAll(async () => {
  if (hasBrowser) await browser.close();
});
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function start(
  status: Status,
  options: Parameters<typeof openPage>[2] = {},
): Promise<WatchedPage & { readonly daemon: ScriptedPage }> {
  const daemon = await startScripted(status, attempts());
  open.push(() => daemon.close());
  const opened = await openPage(browser, daemon.url, options);
  open.push(opened.close);
  await opened.page.locator('#history li').first().waitFor();
  return { ...opened, daemon };
}

const classes = async (page: Page, id: string): Promise<string> =>
  (await page.locator(`#${id}`).getAttribute('class')) ?? '';

describe.skipIf(!hasBrowser)('the page over a scripted daemon', () => {
  const views: Readonly<Record<string, Partial<Status>>> = {
    idle: {},
    paused: {
      paused: {
        code: 'UPDATES_PAUSED',
        message: 'an operator paused updates: freeze',
        next: 'core sidecar resume',
      },
    },
    waiting: {
      state: 'waiting',
      attempt: 'bad',
      from: '1.1.0',
      to: '1.2.0',
      next_check_at: null,
      waiting: { for: 'approval', reason: 'update.approval is required', until: null },
    },
    failed: { state: 'failed', next_check_at: null, next_action: 'Act now: see the workload’s log.' },
    downloading: {
      state: 'downloading',
      attempt: 'bad',
      to: '1.2.0',
      progress: {
        kind: 'download',
        received_bytes: 4_000_000,
        total_bytes: 9_000_000,
        bytes_per_second: 1_000_000,
        seconds_left: 5,
      },
    },
  };
  for (const colorScheme of ['light', 'dark'] as const)
    it(`has nothing that axe objects to, in any view, ${colorScheme}`, async () => {
      for (const [name, changes] of Object.entries(views)) {
        const { page, faults } = await start(fullStatus(changes), { colorScheme });
        expect(await audit(page), name).toEqual([]);
        if (name === 'idle') {
          await page.locator('#quarantine summary').click();
          await page.getByRole('button', { name: /^Replay 1\.2\.0/ }).click();
          expect(await audit(page), 'replay').toEqual([]);
          await page.locator('#replay-end').click();
          await page.locator('#do-rollback').click();
          expect(await audit(page), 'dialog').toEqual([]);
        }
        expect(faults, name).toEqual([]);
      }
      const { page } = await start(fullStatus());
      await page.context().clearCookies();
      await page.reload();
      await page.locator('#token').waitFor();
      expect(await audit(page), 'sign in').toEqual([]);
    });

  it('never scrolls sideways, from 360 px to 4K, not even with hostile data', async () => {
    for (const [width, height] of [
      [360, 740],
      [768, 1024],
      [1440, 900],
      [3840, 2160],
    ] as const) {
      const { page, daemon } = await start(fullStatus(), { viewport: { width, height } });
      expect(await overflow(page), String(width)).toBe(0);
      daemon.set(hostileStatus(), hostileAttempts());
      await page.reload();
      await page.locator('#quarantine summary').click();
      expect(await overflow(page), `${String(width)}, hostile`).toBe(0);
    }
  });

  it('shows hostile texts as text, and lets nothing of them run', async () => {
    const { page, daemon, faults } = await start(fullStatus());
    daemon.set(hostileStatus(), hostileAttempts());
    daemon.api.publish({
      kind: 'ended',
      attempt: {
        id: 'x',
        state: 'verifying',
        from: null,
        to: HOSTILE.markup,
        progress: null,
        ended: { outcome: 'refused', reason: HOSTILE.markup, error: null },
      },
    });
    daemon.api.publish({
      kind: 'log',
      line: {
        at: new Date().toISOString(),
        level: 'error',
        message: HOSTILE.markup,
        attempt: null,
        code: null,
      },
    });
    await page.locator('#log li').first().waitFor();
    await page.locator('#versions li', { hasText: '<img' }).waitFor();
    await page.locator('#quarantine summary').click();
    expect(await page.locator('img, main script, main svg svg, #versions svg').count()).toBe(0);
    const text = (await page.locator('body').textContent()) ?? '';
    expect(text).toContain('<img src=x onerror="alert(1)">');
    expect(text).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u200b]/);
    expect(text).toContain('1.2.0\ufffd0.9');
    expect(text).not.toContain('w'.repeat(2_000));
    expect(text).toContain('(10000 characters)');
    // An inline script that got into the page all the same would be stopped by the policy.
    await page.evaluate(
      "document.body.append(Object.assign(document.createElement('div'), { id: 'probe-of-policy' }))",
    );
    const refused = await page.evaluate(
      "(() => { try { document.body.innerHTML = '<b>x</b>'; return 'taken'; } catch { return 'refused'; } })()",
    );
    expect(refused).toBe('refused');
    expect(faults.filter((fault) => !fault.includes('TrustedHTML'))).toEqual([]);
  });

  it('asks once before it does something, and says what the daemon answered', async () => {
    const { page, daemon } = await start(fullStatus());
    await page.locator('#do-check').click();
    await page.locator('#ask-no').click();
    expect(daemon.api.calls).toEqual([]);
    await page.locator('#do-check').click();
    await page.locator('#ask-yes').click();
    await page.locator('#said', { hasText: 'A check has begun.' }).waitFor();
    await page.locator('#do-apply').click();
    await page.locator('#ask-field').fill('/media/x.jws');
    await page.keyboard.press('Enter');
    await page.locator('#ask').waitFor({ state: 'hidden' });
    await page.locator('#do-pause').click();
    await page.locator('#ask-field').fill('freeze');
    await page.locator('#ask-yes').click();
    await page.locator('#ask').waitFor({ state: 'hidden' });
    await page.locator('#do-rollback').click();
    await page.locator('#ask-field').selectOption('1.0.0');
    await page.locator('#ask-yes').click();
    await page.locator('#ask').waitFor({ state: 'hidden' });
    expect(daemon.api.calls).toEqual([
      ['check'],
      ['apply', '/media/x.jws'],
      ['pause', 'freeze'],
      ['rollback', '1.0.0'],
    ]);
  });

  it('can be used by the keyboard alone', async () => {
    const { page } = await start(fullStatus());
    const focused = (): Promise<string> =>
      page.evaluate<string>('document.activeElement.id || document.activeElement.textContent');
    const seen: string[] = [];
    await page.locator('body').press('Tab');
    do {
      seen.push(await focused());
      await page.keyboard.press('Tab');
    } while (seen.length < 60 && (await focused()) !== seen[0]);
    for (const id of ['do-check', 'do-apply', 'do-pause', 'do-rollback', 'chart-frame'])
      expect(seen).toContain(id);
    expect(seen.filter((text) => text === 'Replay')).toHaveLength(3);
    await page.locator('#do-check').focus();
    await page.keyboard.press('Enter');
    await page.locator('#ask[open]').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('#ask').waitFor({ state: 'hidden' });
    expect(await focused()).toBe('do-check');
    await page.getByRole('button', { name: /^Replay 1\.2\.0/ }).focus();
    await page.keyboard.press('Enter');
    expect(await focused()).toBe('replay-play');
    await page.locator('#replay-at').focus();
    await page.keyboard.press('End');
    expect(await page.locator('#replay-text').textContent()).toContain('rolled back');
    expect(await classes(page, 'edge-probing-rollingBack-error')).toContain('is-path');
    expect(await classes(page, 'edge-rolledBack-idle-done')).toContain('is-path');
    await page.keyboard.press('Escape');
    await page.locator('#replay').waitFor({ state: 'hidden' });
    expect(await focused()).toBe('Replay');
  });

  it('draws what happens as it happens', async () => {
    const { page, daemon } = await start(fullStatus());
    const enter = (state: Status['state'], before: Status['state'], more: Partial<Status> = {}): void => {
      daemon.set(
        fullStatus({ state, attempt: 'new', from: '1.1.0', to: '1.3.0', next_check_at: null, ...more }),
      );
      daemon.api.publish({ kind: 'state', state, before, attempt: 'new', from: '1.1.0', to: '1.3.0' });
    };
    enter('checking', 'idle');
    enter('downloading', 'checking');
    await page.locator('#headline', { hasText: 'Downloading · 1.1.0 → 1.3.0' }).waitFor();
    daemon.api.publish({
      kind: 'progress',
      state: 'downloading',
      attempt: 'new',
      progress: {
        kind: 'download',
        received_bytes: 2_500_000,
        total_bytes: 10_000_000,
        bytes_per_second: 1_500_000,
        seconds_left: 5,
      },
    });
    await page.locator('#download-text', { hasText: '2.5 MB of 10.0 MB · 1.5 MB/s · 5 s left' }).waitFor();
    expect(await classes(page, 'state-downloading')).toContain('is-now');
    expect(await classes(page, 'edge-checking-downloading-done')).toContain('is-path');
    enter('probing', 'swapping');
    for (let look = 1; look <= 5; look += 1)
      daemon.api.publish({
        kind: 'probe',
        attempt: 'new',
        healthy: look === 5,
        detail: look === 5 ? 'HTTP 200' : 'connection refused',
        elapsed_ms: look * 1000,
        deadline_ms: 60_000,
      });
    await page.locator('#strip .tick.good').waitFor({ state: 'attached' });
    expect(await page.locator('#strip .tick').count()).toBe(5);
    expect(await page.locator('#strip').getAttribute('aria-label')).toContain('5 looks, 1 good');
  });

  it('goes to the sign-in without a session, and takes the token out of the address', async () => {
    const { page } = await start(fullStatus());
    expect(new URL(page.url()).hash).toBe('');
    await page.context().clearCookies();
    await page.reload();
    await page.locator('#token').fill('wrong');
    await page.keyboard.press('Enter');
    await page.locator('#token-error', { hasText: 'UNAUTHORIZED' }).waitFor();
    await page.locator('#token').fill('f'.repeat(64));
    await page.keyboard.press('Enter');
    await page.locator('#live').waitFor();
  });
});
