/**
 * The methods of the ports by the names that people use for them: `VersionStore.activate`.
 *
 * Invariant: `METHODS` names every method that answers with a promise, and nothing else; the compiler sees to it.
 */
import type { Ports } from '../../src/services/ports.ts';

/** The ports that do something, by the names of their interfaces. */
export interface NamedPorts {
  Clock: Ports['clock'];
  Feed: NonNullable<Ports['feed']>;
  HeadStore: Ports['heads'];
  Downloads: Ports['downloads'];
  VersionStore: Ports['store'];
  Quarantine: Ports['quarantine'];
  Journal: Ports['journal'];
  Workload: Ports['workload'];
  HealthProbe: Ports['probe'];
  Gate: Ports['gate'];
  Approvals: Ports['approvals'];
  Pauses: Ports['pauses'];
  Hooks: Ports['hooks'];
  Drain: Ports['drain'];
  Succession: Ports['succession'];
  Orders: Ports['orders'];
  Nudges: Ports['nudges'];
}

/** The name of a port's interface. */
export type PortName = keyof NamedPorts;

/** Where a port stands among {@link Ports}. */
export const PORT_KEYS = {
  Clock: 'clock',
  Feed: 'feed',
  HeadStore: 'heads',
  Downloads: 'downloads',
  VersionStore: 'store',
  Quarantine: 'quarantine',
  Journal: 'journal',
  Workload: 'workload',
  HealthProbe: 'probe',
  Gate: 'gate',
  Approvals: 'approvals',
  Pauses: 'pauses',
  Hooks: 'hooks',
  Drain: 'drain',
  Succession: 'succession',
  Orders: 'orders',
  Nudges: 'nudges',
} as const satisfies Record<PortName, keyof Ports>;

type AsyncMethod<Port> = {
  [Name in keyof Port]-?: Port[Name] extends (...args: never) => Promise<unknown> ? Name & string : never;
}[keyof Port];

/** A method of a port that answers with a promise. */
export type PortMethod = { [Name in PortName]: `${Name}.${AsyncMethod<NamedPorts[Name]>}` }[PortName];

type MethodOf<Method extends PortMethod> = Method extends `${infer Name extends PortName}.${infer Member}`
  ? Member extends keyof NamedPorts[Name]
    ? NamedPorts[Name][Member]
    : never
  : never;

/** What a method is given. */
export type ArgsOf<Method extends PortMethod> =
  MethodOf<Method> extends (...args: infer Args) => unknown ? Args : never;

/** What a method resolves with. */
export type AnswerOf<Method extends PortMethod> =
  MethodOf<Method> extends (...args: never) => Promise<infer Answer> ? Answer : never;

/** Every {@link PortMethod}. */
export const METHODS: Readonly<Record<PortMethod, true>> = {
  'Clock.sleep': true,
  'Feed.head': true,
  'Feed.bundle': true,
  'HeadStore.read': true,
  'HeadStore.write': true,
  'HeadStore.readTag': true,
  'HeadStore.writeTag': true,
  'Downloads.append': true,
  'Downloads.read': true,
  'Downloads.unpack': true,
  'Downloads.remove': true,
  'Downloads.tidy': true,
  'Downloads.freeBytes': true,
  'Downloads.openLocal': true,
  'VersionStore.current': true,
  'VersionStore.list': true,
  'VersionStore.entry': true,
  'VersionStore.files': true,
  'VersionStore.check': true,
  'VersionStore.stage': true,
  'VersionStore.activate': true,
  'VersionStore.mark': true,
  'VersionStore.prune': true,
  'VersionStore.tidy': true,
  'Quarantine.list': true,
  'Quarantine.get': true,
  'Quarantine.add': true,
  'Quarantine.clear': true,
  'Journal.enter': true,
  'Journal.close': true,
  'Journal.inFlight': true,
  'Journal.suspend': true,
  'Journal.history': true,
  'Journal.interruptions': true,
  'Journal.pardon': true,
  'Journal.spent': true,
  'Journal.spend': true,
  'Journal.refuse': true,
  'Journal.refusal': true,
  'Journal.seen': true,
  'Journal.outbox': true,
  'Journal.delivered': true,
  'VersionStore.daemon': true,
  'Drain.run': true,
  'Succession.running': true,
  'Succession.origin': true,
  'Succession.state': true,
  'Succession.selfTest': true,
  'Succession.become': true,
  'Succession.acknowledge': true,
  'Succession.settle': true,
  'Orders.halted': true,
  'Nudges.next': true,
  'Workload.start': true,
  'Workload.stop': true,
  'Workload.exit': true,
  'Workload.crashLoop': true,
  'Workload.endSurvivor': true,
  'HealthProbe.look': true,
  'HealthProbe.answered': true,
  'Gate.pass': true,
  'Gate.release': true,
  'Approvals.get': true,
  'Approvals.add': true,
  'Approvals.approved': true,
  'Pauses.read': true,
  'Pauses.write': true,
  'Pauses.clear': true,
  'Hooks.run': true,
};
