import semver from 'semver';
import { UpdateError } from '../errors.ts';
import type { Checked, Steps } from '../steps.ts';
import type { Release } from '../types.ts';
import { objection } from './admission.ts';
import { chooseBundle, type FeedSource } from './choose-bundle.ts';
import { fetchHead } from './fetch-head.ts';
import { namedRelease } from './named-release.ts';
import type { HeldBack, Ports } from './ports.ts';
import type { Settings } from './settings.ts';
import { daemonIn } from './successor.ts';
import { turnOf } from './turn.ts';

type Needs = Pick<
  Ports,
  | 'feed'
  | 'heads'
  | 'host'
  | 'clock'
  | 'reporter'
  | 'store'
  | 'quarantine'
  | 'journal'
  | 'orders'
  | 'succession'
>;
type Policy = Pick<Settings, 'channel' | 'checkIntervalMs' | 'minAgeMs' | 'allowSecurityOverride' | 'group'>;

/**
 * What there is to say of a release that is on disk already and carries the daemon alone: `current` never names it, so that a check
 * would bring it again and again. null: nothing, it is to be installed.
 */
async function daemonHere(ports: Needs, release: Release): Promise<Checked | null> {
  const stored = (await ports.store.list()).find(({ ref }) => ref.digest === release.digest);
  if (stored === undefined) return null;
  const { workload, runs, objection } = await daemonIn(ports, stored.ref);
  if (workload) return null;
  if (runs) return { found: 'nothing', reason: `${release.version} runs here as the daemon`, error: null };
  return objection === null ? null : { found: 'nothing', reason: objection.message, error: objection };
}

const sizeText = ({ size, base }: FeedSource): string =>
  `${String(size)} bytes${base === undefined ? '' : `, a delta from ${base.version}`}`;

/**
 * `checking`: fetches and verifies the channel's head, and decides whether it names something to install here, whether its rollout was
 * halted, and whether it is for this host yet. A halt holds for what an operator asks for here, too: it is taken back where it was given.
 *
 * On `manual` it reads the stable head, and only to report: the machine never gets there by itself on that channel.
 *
 * @throws UpdateError the codes of the feed and of the head; `BAKE_MISSING`, `BAKE_INVALID`, `BAKE_TOO_SHORT`; `NO_TARGET` when no
 * bundle is for this platform; `UPDATER_TOO_OLD`, `MANUAL_CHANNEL`, `FEED_NOT_CONFIGURED`, `JOURNAL_DAMAGED`, `DISK_FULL`,
 * `STATE_DIR_UNUSABLE`
 */
export const check =
  (ports: Needs, settings: Policy) =>
  async ({ attempt }: Steps['check']['input'], signal: AbortSignal): Promise<Checked> => {
    if (settings.channel === 'manual' && attempt.mode === 'apply')
      throw new UpdateError('MANUAL_CHANNEL', 'the manual channel installs only files that it is given');
    const channel = settings.channel === 'manual' ? 'stable' : settings.channel;
    const head = await fetchHead(ports, channel, signal);
    let held: HeldBack | null = null;
    try {
      const current = await ports.store.current();
      if (semver.lte(head.version, current.version)) {
        const relation =
          head.version === current.version
            ? 'runs here'
            : `is older than ${current.version}, which runs here`;
        const reason = `${head.version}, the newest on ${channel}, ${relation}`;
        return { found: 'nothing', reason, error: null };
      }
      const named = namedRelease(head, ports.host, current.version);
      const { release, isStep } = named;
      const error = await objection(ports, release);
      if (error !== null) return { found: 'nothing', reason: error.message, error };
      const here = await daemonHere(ports, release);
      if (here !== null) return here;

      const halted = await ports.orders.halted(release);
      if (halted !== null) {
        held = { version: release.version, reason: halted.message, until: null };
        return { found: 'nothing', reason: halted.message, error: halted };
      }

      const turn = await turnOf(ports, settings, head, attempt);
      held = turn.held;
      if (held !== null)
        return {
          found: 'nothing',
          reason: held.reason,
          error: { code: 'HELD_BACK', message: held.reason },
        };

      const choice = await chooseBundle(ports, settings, attempt, named);
      if (choice.refused !== null)
        return { found: 'nothing', reason: choice.refused.message, error: choice.refused };
      const { source, full } = choice;
      const { note } = turn;
      const words = [
        `${release.version} is available on ${channel}, ${sizeText(source)}; ${current.version} runs`,
        ...(isStep ? [`it is a step on the way to ${head.version}`] : []),
        ...(note === undefined ? [] : [note]),
      ];
      return {
        found: 'release',
        release,
        note: words.join('; '),
        offer: {
          source,
          release,
          channel,
          ...(full === undefined ? {} : { full }),
          ...(note === undefined ? {} : { note }),
        },
      };
    } finally {
      ports.reporter.report({ kind: 'heldBack', held });
    }
  };
