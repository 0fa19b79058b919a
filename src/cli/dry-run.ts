/** `core sidecar update --dry-run`: what would happen, and what an update by itself would wait for. Pure. */
import type { ConfigEntry, ErrorView, Status } from '../control/api.ts';
import { bytes } from './bytes.ts';
import type { ExitCode } from './exit-code.ts';
import type { EndedProgress } from './outcome.ts';
import { plain } from './plain.ts';
import { instant, when } from './time.ts';

/** What keeps an update from going through by itself; all but the gate do not hold one that an operator asks for. */
export interface Hold {
  readonly by: 'pause' | 'disabled' | 'schedule' | 'held_back' | 'window' | 'approval' | 'gate';
  /** Why, for people. */
  readonly reason: string;
  /** ISO 8601; null when nobody knows. */
  readonly until: string | null;
}

/** What `update --dry-run --json` prints. */
export interface DryRun {
  /** The id of the attempt that only looked. */
  readonly attempt: string;
  readonly would_update: boolean;
  /** What runs. */
  readonly from: string;
  /** What would be installed; null when nothing would. */
  readonly to: string | null;
  /** What was found: channel, full or delta and its size, or why there is nothing. */
  readonly reason: string;
  readonly error: ErrorView | null;
  /** What an update by itself would wait for; empty: it comes with the next check. */
  readonly holds: readonly Hold[];
  readonly next_check_at: string | null;
  readonly exit_code: ExitCode;
}

/** What a dry run is told from. */
export interface DryRunSources {
  readonly look: EndedProgress;
  /** As it was before the dry run. */
  readonly before: Status;
  readonly settings: readonly ConfigEntry[];
  readonly exit: ExitCode;
}

/** Where the gate of the fleet asks for a place; null: there is no gate. */
function gateHold(settings: readonly ConfigEntry[]): Hold | null {
  const of = (wanted: string): unknown => settings.find(({ key }) => key === wanted)?.value;
  const gate = of('update.gate');
  if (gate !== 'fleetlock' && gate !== 'nats') return null;
  const at = gate === 'fleetlock' ? of('fleet.fleetlock_url') : urlsOf(of('fleet.nats'));
  return {
    by: 'gate',
    reason: `it takes a place of group ${String(of('fleet.group'))} in the fleet first (${gate}, ${String(at)})`,
    until: null,
  };
}

/** The servers of `fleet.nats`, as the daemon tells its configuration. */
function urlsOf(nats: unknown): string {
  const { url = [] } = (nats ?? {}) as { readonly url?: string | readonly string[] };
  return [url].flat().join(', ');
}

function* holdsOf({ look, before, settings }: DryRunSources): Generator<Hold> {
  const { disabled, paused, held_back: held, window, next_check_at: next, next_check_why: why } = before;
  if (disabled !== null) yield { by: 'disabled', reason: disabled, until: null };
  else if (paused !== null) yield { by: 'pause', reason: paused.message, until: null };
  else if (next === null && before.state === 'idle') yield { by: 'schedule', reason: why, until: null };
  if (held !== null && held.version === look.to)
    yield { by: 'held_back', reason: held.reason, until: held.until };
  if (settings.some(({ key, value }) => key === 'update.approval' && value === 'required'))
    yield {
      by: 'approval',
      reason: `it has to be approved, unless it is already: \`core sidecar approve ${look.to ?? ''}\``,
      until: null,
    };
  if (window !== null && !window.open)
    yield { by: 'window', reason: 'the maintenance window is closed', until: window.opens_at };
  const gate = gateHold(settings);
  if (gate !== null) yield gate;
}

/** Puts together what a dry run found. */
export function dryRunOf(sources: DryRunSources): DryRun {
  const { look, before, exit } = sources;
  const would = look.ended.outcome === 'available';
  return {
    attempt: look.id,
    would_update: would,
    from: before.current.version,
    to: look.to,
    reason: look.ended.reason,
    error: look.ended.error,
    holds: would ? [...holdsOf(sources)] : [],
    next_check_at: before.next_check_at,
    exit_code: exit,
  };
}

const INSTANT = /\d{4}-\d\d-\d\dT[\d:.]+Z/g;
const NAME_WIDTH = 13;

function rows(name: string, lines: readonly string[]): string[] {
  return lines.map((line, index) => `${(index === 0 ? name : '').padEnd(NAME_WIDTH)}${line}`);
}

/**
 * What a dry run found, for people.
 *
 * @param now - ms since 1970, for how far away things are
 * @returns lines without a line break at the end
 */
export function dryRunText(
  { would_update: would, from, to, reason, holds, next_check_at: next }: DryRun,
  now: number,
): string {
  const why = plain(reason)
    .replace(/\b(\d{1,15}) bytes\b/g, (_, count: string) => bytes(Number(count)))
    .split('; ');
  if (!would) return `nothing would be done: ${why.join('; ')}`;
  const byItself =
    holds.length > 0
      ? holds.map(
          ({ by, reason: held, until }) =>
            `not yet (${by.replace('_', ' ')}): ${plain(held).replace(INSTANT, instant)}${
              until === null || held.includes(until) ? '' : `, until ${when(until, now)}`
            }`,
        )
      : [next === null ? 'at the next check' : `at the next check, ${when(next, now)}`];
  return [
    `${plain(from)} would be updated to ${plain(to ?? 'the release')}`,
    ...rows('why', why),
    ...rows('by hand', [
      holds.some(({ by }) => by === 'gate')
        ? '`core sidecar update` installs it, once this host has a place in the fleet'
        : '`core sidecar update` installs it now',
    ]),
    ...rows('by itself', byItself),
  ].join('\n');
}
