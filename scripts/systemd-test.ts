/**
 * `npm run test:systemd [-- --json FILE]`: the sidecar under a real systemd, in a container of systemd-nspawn on a root that debootstrap
 * makes: install, start, update, roll back, restart, kill, hang, daemons that update themselves and fail to, stop; then the unit of the reference document.
 *
 * Needs root, systemd-container and debootstrap; skipped with a line that says why where they are not to be had. The last line is
 * `N passed, N failed`. The root is kept in CORESDK_SYSTEMD_TEST_CACHE (the system's temporary folder unless set).
 */
import { chmod, cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { boot, whyNot, type Machine } from './systemd-test/machine.ts';
import { createPublisher } from './systemd-test/publisher.ts';
import { conclude, createReport, type Report } from './systemd-test/report.ts';
import { rootFolder } from './systemd-test/root.ts';
import { createSite, FEED_URL, logOf, NODE, SHARE } from './systemd-test/site.ts';
import { CHAPTERS } from './systemd-test/story.ts';

/** The whole run, the making of the root aside. */
const LIMIT_MS = 20 * 60_000;
const REPOSITORY = join(import.meta.dirname, '..');

async function play(machine: Machine, secrets: string, share: string, report: Report): Promise<void> {
  const stage = {
    site: createSite(machine),
    publisher: await createPublisher(secrets, share, FEED_URL),
    report,
  };
  for (const [name, chapter] of Object.entries(CHAPTERS)) {
    report.say(`── ${name}`);
    try {
      await chapter(stage);
    } catch (error) {
      report.check(`${name}: goes through`, false, error instanceof Error ? error.message : String(error));
      report.say(`the unit's log:\n${await logOf(machine)}`);
      return;
    }
  }
}

async function main(json: string | null): Promise<boolean> {
  const reason = await whyNot();
  if (reason !== null) {
    console.log(`SKIPPED: no test under systemd here: ${reason}`);
    return conclude([], json, reason);
  }
  const report = createReport();
  const root = await rootFolder((line) => {
    report.say(line);
  });
  const secrets = await mkdtemp(join(tmpdir(), 'coresdk-systemd-test-'));
  const share = join(secrets, 'share');
  await cp(join(REPOSITORY, 'deploy/systemd'), join(share, 'units'), { recursive: true });
  await cp(join(REPOSITORY, 'test/deploy/reference'), join(share, 'units/reference'), { recursive: true });
  await writeFile(join(share, 'README'), 'What a container of npm run test:systemd sees.\n');
  await chmod(share, 0o755);
  let machine: Machine | null = null;
  const interrupted = Promise.withResolvers<never>();
  const give = (why: string) => (): void => {
    interrupted.reject(new Error(why));
  };
  const limit = setTimeout(give(`expected an end within ${String(LIMIT_MS / 1000)} s`), LIMIT_MS);
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, give(`stopped by ${name}`));
  try {
    machine = await boot({ root, binds: { [process.execPath]: NODE, [share]: SHARE } });
    report.say('systemd runs in the container');
    await Promise.race([play(machine, secrets, share, report), interrupted.promise]);
  } catch (error) {
    report.check('the run comes to its end', false, error instanceof Error ? error.message : String(error));
  } finally {
    clearTimeout(limit);
    await machine?.end();
    // A chapter that was interrupted may still be writing.
    await rm(secrets, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
  return conclude(report.checks, json);
}

const { values } = parseArgs({ options: { json: { type: 'string' } } });
// What was left of an interrupted chapter does not hold up the end.
process.exit((await main(values.json ?? null)) ? 0 : 1);
