import { UpdateError } from '../errors.ts';
import type { Steps } from '../steps.ts';
import type { Attempt } from '../types.ts';
import { intervalMs } from './interval.ts';
import type { Ports } from './ports.ts';
import type { Settings } from './settings.ts';
import { turnToCome } from './turn.ts';

/** What replaces a release that was superseded while it waited is looked for within this time. */
const REPLACED_WITHIN_MS = 2_000;

/**
 * A check after a hint comes within this time: 100,000 hosts whose turn it is all at once are then some 830 a second for the servers of
 * the bundles. Those whose turn it is not yet ask for nothing, since the hint brought the head.
 */
const HINTED_WITHIN_MS = 120_000;

type Policy = Pick<
  Settings,
  'channel' | 'disabled' | 'checkIntervalMs' | 'jitter' | 'minAgeMs' | 'allowSecurityOverride' | 'group'
>;
type Needs = Pick<
  Ports,
  'clock' | 'ids' | 'journal' | 'reporter' | 'feed' | 'host' | 'gate' | 'nudges' | 'heads' | 'store'
>;

/** Why no check is due by itself; null when one is. */
function whyNot(
  { feed, host }: Pick<Ports, 'feed' | 'host'>,
  settings: Policy,
  { paused, watch }: Steps['schedule']['input'],
): string | null {
  if (settings.disabled !== null) return settings.disabled;
  if (settings.channel === 'manual') return 'the manual channel never checks by itself';
  if (host.trust.keys.size === 0) return 'this program was built without public keys';
  if (feed === null) return 'no feed is configured (update.feed_url)';
  if (paused !== null) return `automatic updates are paused: ${paused.message}`;
  if (watch !== null) return `${watch.version.version} is still watched; the next check is set after that`;
  return null;
}

/** When the next check is due, and why then. */
function nextCheck(
  clock: Ports['clock'],
  settings: Policy,
  ended: Steps['schedule']['input']['ended'],
): { wait: number; why: string } {
  const why = `every ${String(settings.checkIntervalMs / 1000)} s`;
  // Hosts that boot at once, as after a power cut, or were installed at once, would go on asking at once: each draws a place in the
  // whole interval. Who wants to know at once asks for a check.
  if (ended === null) return { wait: settings.checkIntervalMs * clock.random(), why };
  // Never again and again: only a newer head supersedes, and heads only grow.
  if (ended.error?.code === 'SUPERSEDED')
    return {
      wait: Math.min(settings.checkIntervalMs, REPLACED_WITHIN_MS) * clock.random(),
      why: `a newer release appeared: ${ended.error.message}`,
    };
  return { wait: intervalMs(clock, settings), why };
}

/** Tells after a start when this host's turn comes. What cannot be read is a warning: the check finds it out. */
async function tellTurn(ports: Needs, settings: Policy): Promise<void> {
  const { channel } = settings;
  if (channel === 'manual') return;
  try {
    const held = await turnToCome(ports, settings, channel);
    if (held !== null) ports.reporter.report({ kind: 'heldBack', held });
  } catch (error) {
    ports.reporter.report({ kind: 'warning', error: UpdateError.from(error).toRecord() });
  }
}

/** Waits; resolves with a hint that comes meanwhile, at once, or null when the time is over. */
async function hintBefore(
  { clock, nudges }: Pick<Ports, 'clock' | 'nudges'>,
  wait: number,
  signal: AbortSignal,
): Promise<string | null> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const slept = clock.sleep(wait, either).then(() => null);
  const hinted = nudges.next(either);
  try {
    return await Promise.race([slept, hinted]);
  } finally {
    over.abort();
    await Promise.allSettled([slept, hinted]);
  }
}

/**
 * `idle`: closes the attempt that ended in the journal, gives back what it may still hold of the gate, then waits for the next check and
 * names its attempt. After a release that was superseded while it waited, the newer one is looked for at once. Without a check that is due it waits until the machine leaves the state.
 *
 * @throws UpdateError only `CANCELLED`; a journal that cannot be written is reported, since nothing is put at risk by it here
 */
export const schedule =
  (ports: Needs, settings: Policy) =>
  async (input: Steps['schedule']['input'], signal: AbortSignal): Promise<Attempt> => {
    const { clock, ids, journal, reporter } = ports;
    // An attempt whose quarantine could not be written stays open, so that the next start tries that again.
    if (input.ended !== null && input.paused?.code !== 'QUARANTINE_FAILED') {
      try {
        await journal.close(input.ended);
      } catch (error) {
        reporter.report({ kind: 'warning', error: UpdateError.from(error).toRecord() });
      }
    }
    await ports.gate.settle?.();
    const held = whyNot(ports, settings, input);
    if (held !== null) {
      reporter.report({ kind: 'nextCheck', at: null, why: held });
      for (;;) await clock.sleep(24 * 3600 * 1000, signal);
    }
    if (input.ended === null) await tellTurn(ports, settings);
    const { wait, why } = nextCheck(clock, settings, input.ended);
    const due = clock.monotonic() + wait;
    reporter.report({ kind: 'nextCheck', at: clock.now() + wait, why });
    const hint = await hintBefore(ports, wait, signal);
    if (hint !== null) {
      // Those whose turn it is would all download at once.
      const soon = Math.min(settings.checkIntervalMs, HINTED_WITHIN_MS, due - clock.monotonic());
      const rest = Math.max(0, soon) * clock.random();
      reporter.report({ kind: 'nextCheck', at: clock.now() + rest, why: hint });
      await clock.sleep(rest, signal);
    }
    return { id: ids.next(), trigger: 'schedule', mode: 'apply' };
  };
