/** The fleet at a glance, made from its records. Pure. */
import semver from 'semver';
import type {
  FleetGroupView,
  FleetHostView,
  FleetOrderView,
  FleetOutcomeView,
  FleetRolloutView,
  FleetView,
} from '../control/api.ts';
import type { StateName } from '../types.ts';
import type { OrderPayload, OutcomeRecord, PresenceRecord } from './records.ts';
import { createTally, type Spoken } from './tally.ts';

/** A record, and when the fleet got it, ms since 1970, by the server's clock. */
export interface Kept<T> {
  readonly value: T;
  readonly at: number;
}

/** What is known of a fleet. */
export interface FleetFacts {
  readonly product: string;
  readonly now: number;
  readonly hosts: readonly Kept<PresenceRecord>[];
  readonly outcomes: readonly Kept<OutcomeRecord>[];
  /** For each release the order that holds: rightly signed, and the newest. */
  readonly orders: readonly OrderPayload[];
}

/** What {@link FleetHostView}'s `state` may be; the compiler names this place to whoever adds a state. */
export const HOST_STATES: readonly string[] = Object.keys({
  recovering: true,
  idle: true,
  checking: true,
  downloading: true,
  verifying: true,
  staging: true,
  waiting: true,
  swapping: true,
  overlapping: true,
  draining: true,
  probing: true,
  committed: true,
  handingOver: true,
  rollingBack: true,
  rolledBack: true,
  failed: true,
  stopped: true,
  lost: true,
} satisfies Record<StateName | 'stopped' | 'lost', true>);

/** A host that is silent for so many of its own intervals is lost. */
const LOST_AFTER = 3;

/** So many outcomes are shown. */
const NEWEST = 20;

const iso = (at: number): string => new Date(at).toISOString();
const bySemver = (a: string, b: string): number =>
  semver.valid(a) === null || semver.valid(b) === null ? a.localeCompare(b) : semver.compare(a, b);
const isLost = ({ value, at }: Kept<PresenceRecord>, now: number): boolean =>
  now - at > LOST_AFTER * value.everyMs;

/** Whether an order to halt is in force: it is the newest, and has not ended. */
export function holds(order: OrderPayload, now: number): boolean {
  return order.action === 'halt' && (order.exp === undefined || order.exp * 1000 > now);
}

/** An order as people see it. */
export function orderView({ action, release, reason, iss, iat, exp }: OrderPayload): FleetOrderView {
  return {
    action,
    version: release.version,
    digest: release.digest,
    reason,
    by: iss,
    at: iso(iat * 1000),
    until: exp === undefined ? null : iso(exp * 1000),
  };
}

function outcomeView({ value, at }: Kept<OutcomeRecord>): FleetOutcomeView {
  const { host, group, outcome, from, to, error, reason } = value;
  return { host, group, outcome, from, to, code: error?.code ?? null, reason, at: iso(at) };
}

/** The hosts of a fleet, by group and name. */
export function hostViews({ hosts, now }: Pick<FleetFacts, 'hosts' | 'now'>): FleetHostView[] {
  return hosts
    .map((kept): FleetHostView => {
      const { host, group, workload, state, target, paused, outbox, daemon } = kept.value;
      return {
        host,
        group,
        version: workload.version,
        digest: workload.digest,
        // A daemon that was stopped in good order has said so, and says no more.
        state: state !== 'stopped' && isLost(kept, now) ? 'lost' : state,
        target: target?.version ?? null,
        paused: paused !== null,
        outbox,
        daemon,
        seen_at: iso(kept.at),
      };
    })
    .sort((a, b) => a.group.localeCompare(b.group) || a.host.localeCompare(b.host));
}

/** An outcome that was sent again after the server forgot its id stands there twice, and is one. */
function firstOfEach(outcomes: readonly Kept<OutcomeRecord>[]): Iterable<Kept<OutcomeRecord>> {
  const first = new Map<string, Kept<OutcomeRecord>>();
  for (const kept of outcomes) if (!first.has(kept.value.id)) first.set(kept.value.id, kept);
  return first.values();
}

/** Each host of a release as its words say: `failed` if one of them does. */
function verdicts(spoken: readonly Spoken[]): Map<string, { group: string; failed: boolean }> {
  const hosts = new Map<string, { group: string; failed: boolean }>();
  for (const { words } of spoken)
    for (const { host, group, said } of words)
      hosts.set(host, { group, failed: said === 'failed' || hosts.get(host)?.failed === true });
  return hosts;
}

function groupsOf(
  version: string,
  spoken: readonly Spoken[],
  hosts: readonly FleetHostView[],
): FleetGroupView[] {
  const groups = new Map<string, { committed: number; failed: number; updating: number; pending: number }>();
  const of = (group: string): { committed: number; failed: number; updating: number; pending: number } => {
    const count = groups.get(group) ?? { committed: 0, failed: 0, updating: 0, pending: 0 };
    groups.set(group, count);
    return count;
  };
  const tried = verdicts(spoken);
  for (const { group, failed } of tried.values()) of(group)[failed ? 'failed' : 'committed'] += 1;
  for (const host of hosts) {
    const count = of(host.group);
    if (tried.has(host.host) || host.state === 'lost' || bySemver(host.version, version) >= 0) continue;
    count[host.target === version ? 'updating' : 'pending'] += 1;
  }
  return [...groups]
    .map(([group, count]) => ({ group, ...count }))
    .sort((a, b) => a.group.localeCompare(b.group));
}

function rollouts(facts: FleetFacts, hosts: readonly FleetHostView[]): FleetRolloutView[] {
  const tally = createTally();
  for (const { value, at } of facts.outcomes) tally.hear(value, at);
  const spoken = tally.all();
  const versions = new Set([
    ...spoken.map(({ version }) => version),
    ...facts.orders.map(({ release }) => release.version),
    ...hosts.map(({ target }) => target).filter((target) => target !== null),
  ]);
  return [...versions]
    .sort((a, b) => bySemver(b, a))
    .map((version) => {
      const own = spoken.filter((each) => each.version === version);
      const orders = facts.orders.filter(({ release }) => release.version === version);
      const halt = orders.find((order) => holds(order, facts.now));
      return {
        version,
        digests: [
          ...new Set([...own, ...orders.map(({ release }) => release)].map(({ digest }) => digest)),
        ].sort(),
        halted: halt === undefined ? null : orderView(halt),
        groups: groupsOf(version, own, hosts),
      };
    });
}

function running(hosts: readonly FleetHostView[]): FleetView['running'] {
  const counts = new Map<string, { version: string; group: string; hosts: number }>();
  for (const { version, group, state } of hosts) {
    if (state === 'lost') continue;
    const key = `${version} ${group}`;
    const count = counts.get(key) ?? { version, group, hosts: 0 };
    count.hosts += 1;
    counts.set(key, count);
  }
  return [...counts.values()].sort(
    (a, b) => bySemver(b.version, a.version) || a.group.localeCompare(b.group),
  );
}

/**
 * The fleet at a glance.
 *
 * @example
 * const { hosts, rollouts } = fleetView(await readFleet(connection));
 */
export function fleetView(facts: FleetFacts): FleetView {
  const hosts = hostViews(facts);
  const count = (state: string): number => hosts.filter((host) => host.state === state).length;
  const [lost, stopped] = [count('lost'), count('stopped')];
  return {
    at: iso(facts.now),
    product: facts.product,
    hosts: { present: hosts.length - lost - stopped, lost, stopped },
    running: running(hosts),
    rollouts: rollouts(facts, hosts),
    outcomes: [...firstOfEach(facts.outcomes)]
      .reverse()
      .sort((a, b) => b.at - a.at)
      .slice(0, NEWEST)
      .map(outcomeView),
  };
}
