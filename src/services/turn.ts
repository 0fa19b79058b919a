/**
 * Whether a head's release is for this host yet: the bake, the rollout, and how long it is known here. Asked by `check`, and by
 * `gate` right before the swap, of the head as a whole: on the way to the newest release, a step waits as the newest does.
 *
 * Invariant: only what the operator's configuration allows takes any of it away, and then it is told.
 */
import semver from 'semver';
import { requireBake, securityOverride } from '../bundle/bake.ts';
import { selectTarget } from '../bundle/head-document.ts';
import type { Head } from '../bundle/head.ts';
import { cohort, rolloutLine, rolloutTurn } from '../bundle/rollout.ts';
import { UpdateError } from '../errors.ts';
import type { Attempt, FeedChannel } from '../types.ts';
import { storedHead } from './heads.ts';
import type { HeldBack, Ports } from './ports.ts';
import type { Settings } from './settings.ts';

type Needs = Pick<Ports, 'host' | 'clock' | 'journal' | 'reporter'>;
type Policy = Pick<Settings, 'minAgeMs' | 'allowSecurityOverride' | 'group'>;

/** Whether it is this host's turn. */
export interface Turn {
  /** Null when it is. */
  readonly held: HeldBack | null;
  /** What the history must say: the security override that was honoured. */
  readonly note: string | undefined;
}

/**
 * Sees that a stable head's release baked, or that the operator allows the publisher's signed exception, which is then reported
 * as a warning.
 *
 * @returns the exception's reason where it was needed, else null
 * @throws UpdateError `BAKE_MISSING`, `BAKE_INVALID`, `BAKE_TOO_SHORT`. No exception helps a bake that is wrong.
 */
export async function requireBaked(
  { host, reporter }: Pick<Ports, 'host' | 'reporter'>,
  settings: Pick<Settings, 'allowSecurityOverride'>,
  head: Head,
): Promise<string | null> {
  try {
    await requireBake(head, host);
    return null;
  } catch (error) {
    const { code, message } = UpdateError.from(error);
    const reason = settings.allowSecurityOverride ? securityOverride(head) : null;
    if (reason === null || code === 'BAKE_INVALID') throw error;
    warnOfOverride({ reporter }, { code, message }, reason);
    return reason;
  }
}

/** What the history says of a security override that was honoured. */
export const overrideNote = (reason: string): string => `security override: ${reason}`;

function warnOfOverride(
  { reporter }: Pick<Ports, 'reporter'>,
  { code, message }: Pick<UpdateError, 'code' | 'message'>,
  reason: string,
): void {
  reporter.report({
    kind: 'warning',
    error: { code, message: `${message}; not waited for, by the publisher’s security override: ${reason}` },
  });
}

const iso = (at: number): string => new Date(at).toISOString();

/** Why the release is too young on this host; null when it is not. An operator's own `update` waits as well. */
async function youth(
  { journal, clock }: Needs,
  settings: Policy,
  head: Head,
  digest: string,
): Promise<HeldBack | null> {
  // Always written down, so that the age is known when an operator asks for one later.
  const until = (await journal.seen(digest)) + settings.minAgeMs;
  if (clock.now() >= until) return null;
  const age = String(settings.minAgeMs / 1000);
  const reason = `${head.version} on ${head.sub} is installed once this host has known it for ${age} s (update.min_age), at ${iso(until)}`;
  return { version: head.version, reason, until };
}

/** Why the rollout has not reached this host; null when it has. */
function queue({ host, clock }: Needs, { group }: Policy, head: Head, digest: string): HeldBack | null {
  if (head.rollout === undefined) return null;
  const line = rolloutLine(head.rollout, group);
  const until = rolloutTurn(line, cohort(host.machineId, host.product, digest));
  if (until !== null && clock.now() >= until) return null;
  const whose = line === head.rollout ? '' : ` to group ${group ?? ''}`;
  const about = `${head.version} on ${head.sub} is rolled out bit by bit${whose}`;
  const reason =
    until === null
      ? `${about}, and this host is not in the share that has it`
      : `${about}; this host’s turn comes at ${iso(until)}`;
  return { version: head.version, reason, until };
}

/**
 * When this host's turn comes for the release of the head that was accepted last: what is told after a start, since the next check is up
 * to an interval away. It decides nothing. Null where there is nothing newer, or nothing to wait for.
 *
 * @throws UpdateError `STATE_DIR_UNUSABLE`
 */
export async function turnToCome(
  ports: Needs & Pick<Ports, 'heads' | 'store'>,
  settings: Policy,
  channel: FeedChannel,
): Promise<HeldBack | null> {
  const head = (await storedHead(ports, channel, 'unexpired'))?.head;
  if (head?.rollout === undefined) return null;
  const digest = selectTarget(head, ports.host.platform)?.release_digest;
  const isNewer = semver.gt(head.version, (await ports.store.current()).version);
  if (digest === undefined || !isNewer) return null;
  if (settings.allowSecurityOverride && securityOverride(head) !== null) return null;
  return queue(ports, settings, head, digest);
}

/** Of two reasons to wait, the one that ends last. */
const later = (a: HeldBack | null, b: HeldBack | null): HeldBack | null => {
  if (a === null || b === null) return a ?? b;
  return (a.until ?? Infinity) >= (b.until ?? Infinity) ? a : b;
};

/**
 * Judges whether a head's release is for this host yet. An operator who asks for it (`update`, `update --check`) does not wait
 * for the rollout, but does for `update.min_age`.
 *
 * @param head - a verified head that names something newer than what runs, for this platform
 * @throws UpdateError `BAKE_MISSING`, `BAKE_INVALID`, `BAKE_TOO_SHORT`, `NO_TARGET`
 */
export async function turnOf(
  ports: Needs,
  settings: Policy,
  head: Head,
  { trigger }: Pick<Attempt, 'trigger'>,
): Promise<Turn> {
  const { platform } = ports.host;
  const digest = selectTarget(head, platform)?.release_digest;
  if (digest === undefined)
    throw new UpdateError(
      'NO_TARGET',
      `${head.version} on ${head.sub} has no bundle for ${platform.os}/${platform.arch}`,
    );
  const young = await youth(ports, settings, head, digest);
  let reason = await requireBaked(ports, settings, head);
  let queued = trigger === 'update' || trigger === 'check' ? null : queue(ports, settings, head, digest);
  const override = settings.allowSecurityOverride ? securityOverride(head) : null;
  if (queued !== null && override !== null) {
    warnOfOverride(ports, { code: 'HELD_BACK', message: queued.reason }, override);
    queued = null;
    reason = override;
  }
  return { held: later(queued, young), note: reason === null ? undefined : overrideNote(reason) };
}
