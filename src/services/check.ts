import semver from 'semver';
import { selectTarget } from '../bundle/head-document.ts';
import { UpdateError } from '../errors.ts';
import type { Checked, Steps } from '../steps.ts';
import { objection } from './admission.ts';
import { fetchHead } from './heads.ts';
import type { Ports, Refusal } from './ports.ts';
import type { Settings } from './settings.ts';

type Needs = Pick<
  Ports,
  'feed' | 'heads' | 'host' | 'clock' | 'reporter' | 'store' | 'quarantine' | 'journal'
>;

const WEEK_MS = 7 * 24 * 3600 * 1000;

/** Until when refused bytes are not fetched again: twice as long after each refusal, a week at most. */
const heldUntil = ({ at, count }: Refusal, intervalMs: number): number =>
  at + Math.min(WEEK_MS, intervalMs * 2 ** Math.min(count, 20));

/**
 * `checking`: fetches and verifies the channel's head, and decides whether it names something to install here.
 *
 * On `manual` it reads the stable head, and only to report: the machine never gets there by itself on that channel.
 *
 * @throws UpdateError the codes of the feed and of the head; `NO_TARGET` when no bundle is for this platform
 */
export const check =
  (ports: Needs, settings: Pick<Settings, 'channel' | 'checkIntervalMs'>) =>
  async ({ attempt }: Steps['check']['input'], signal: AbortSignal): Promise<Checked> => {
    if (settings.channel === 'manual' && attempt.mode === 'apply')
      throw new UpdateError('MANUAL_CHANNEL', 'the manual channel installs only files that it is given');
    const channel = settings.channel === 'manual' ? 'stable' : settings.channel;
    const head = await fetchHead(ports, channel, signal);
    const { platform } = ports.host;

    const current = await ports.store.current();
    if (semver.lte(head.version, current.version)) {
      const relation =
        head.version === current.version ? 'runs here' : `is older than ${current.version}, which runs here`;
      return {
        found: 'nothing',
        reason: `${head.version}, the newest on ${channel}, ${relation}`,
        error: null,
      };
    }
    const target = selectTarget(head, platform);
    const bundle = target?.bundles[0];
    if (target === undefined || bundle === undefined)
      throw new UpdateError(
        'NO_TARGET',
        `${head.version} on ${channel} has no bundle for ${platform.os}/${platform.arch}`,
      );

    const release = { version: head.version, digest: target.release_digest };
    const error = await objection(ports, release);
    if (error !== null) return { found: 'nothing', reason: error.message, error };

    const refusal = await ports.journal.refusal(bundle.sha256);
    if (refusal !== null && attempt.trigger === 'schedule') {
      const until = heldUntil(refusal, settings.checkIntervalMs);
      if (ports.clock.now() < until) {
        const message = `the bundle of ${release.version} was refused (${refusal.code}); the same bytes are fetched again after ${new Date(until).toISOString()}`;
        return { found: 'nothing', reason: message, error: { code: refusal.code, message } };
      }
    }
    return {
      found: 'release',
      release,
      note: `${release.version} is available on ${channel}, ${String(bundle.size)} bytes; ${current.version} runs`,
      offer: { source: { kind: 'feed', ...bundle }, release, channel },
    };
  };
