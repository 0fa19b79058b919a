/**
 * `npm run screenshots`: takes the pictures in `docs/screenshots` of the live page over a real daemon: an update while it is probed, a
 * rollback, a replay, dark and light, and on a phone. Needs Chromium (`CHROMIUM`, or /usr/bin/chromium).
 */
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { hasBrowser, openPage, startBrowser } from '../test/page/support/browser.ts';
import { startRig, type PageRig } from '../test/page/support/rig.ts';

const OUT = join(import.meta.dirname, '..', 'docs', 'screenshots');
const LARGEST = 200_000;
const PATIENCE = { timeout: 120_000 };
const WIDE = { width: 1120, height: 800 };

async function shoot(page: Page, name: string): Promise<void> {
  const path = join(OUT, `${name}.png`);
  // What moves is shown at rest.
  await page.screenshot({ path, animations: 'disabled' });
  const { size } = await stat(path);
  if (size > LARGEST)
    throw new Error(`expected ${path} to have at most ${String(LARGEST)} bytes, found ${String(size)}`);
  console.log(`wrote docs/screenshots/${name}.png (${String(Math.round(size / 1000))} kB)`);
}

async function check(page: Page): Promise<void> {
  await page.locator('#do-check').click();
  await page.locator('#ask-yes').click();
}

const shows = (page: Page, id: string, hasText: string): Promise<void> =>
  page.locator(`#${id}`, { hasText }).first().waitFor(PATIENCE);

async function story(browser: Browser, rig: PageRig): Promise<void> {
  const light = await openPage(browser, rig.url, { viewport: WIDE, colorScheme: 'light' });
  const { page } = light;
  await shows(page, 'headline', '1.0.0 runs');
  await rig.publisher.publish('1.1.0', rig.programs['1.1.0']);
  await check(page);
  await shows(page, 'headline', 'Downloading');
  await page.locator('#download-text', { hasText: '/s' }).waitFor(PATIENCE);
  await shoot(page, 'update');
  await shows(page, 'headline', '1.1.0 runs');
  await rig.publisher.publish('1.2.0', rig.programs['1.2.0']);
  await check(page);
  await page
    .locator('#strip .tick.bad')
    .nth(8)
    .waitFor({ ...PATIENCE, state: 'attached' });
  await page.locator('#said').waitFor({ ...PATIENCE, state: 'hidden' });
  await shoot(page, 'probing');
  await page.locator('#history .tag', { hasText: 'rolled back' }).waitFor(PATIENCE);
  await page.locator('#quarantine summary').click();
  await page.locator('#said').waitFor({ ...PATIENCE, state: 'hidden' });
  await shoot(page, 'rollback-light');
  await page.emulateMedia({ colorScheme: 'dark' });
  await shoot(page, 'rollback-dark');
  await page.getByRole('button', { name: /^Replay 1\.2\.0/ }).click();
  for (let step = 0; step < 7; step += 1) await page.locator('#replay-on').click();
  await shoot(page, 'replay');
  await page.locator('#replay-end').click();
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 390, height: 1300 });
  await page.evaluate('scrollTo(0, 0)');
  await shoot(page, 'phone');
  await light.close();
}

if (!hasBrowser) {
  console.error('screenshots: expected Chromium (/usr/bin/chromium, or the path in CHROMIUM), found none');
  process.exitCode = 1;
} else {
  await mkdir(OUT, { recursive: true });
  const browser = await startBrowser();
  const rig = await startRig();
  try {
    await story(browser, rig);
  } finally {
    await rig.close();
    await browser.close();
  }
}
