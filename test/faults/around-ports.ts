import type { Ports } from '../../src/services/ports.ts';
import { METHODS, PORT_KEYS, type PortMethod, type PortName } from './port-methods.ts';

/** A call of a port's method, as it is about to be made. */
export interface PortCall {
  readonly method: PortMethod;
  readonly args: readonly unknown[];
}

/** What is put around every call: it may proceed at once, later, or not at all. */
export type Around = (call: PortCall, proceed: () => Promise<unknown>) => Promise<unknown>;

type AnyMethod = (...args: readonly unknown[]) => Promise<unknown>;

/**
 * Puts `around` about every method of every port that answers with a promise. What is no such method stays as it is.
 *
 * @example
 * startDaemon({ ...options, adapt: (ports) => aroundPorts(ports, (call, proceed) => { calls.push(call.method); return proceed(); }) });
 */
export function aroundPorts(ports: Ports, around: Around): Ports {
  const decorated: Record<string, unknown> = { ...ports };
  for (const method of Object.keys(METHODS) as PortMethod[]) {
    const [name = '', member = ''] = method.split('.');
    const key = PORT_KEYS[name as PortName];
    const port = decorated[key] as Record<string, AnyMethod> | null;
    const inner = port?.[member];
    // A daemon without a feed has no port for it.
    if (port === null || inner === undefined) continue;
    const outer: AnyMethod = (...args) => around({ method, args }, () => inner(...args));
    decorated[key] = { ...port, [member]: outer };
  }
  return decorated as unknown as Ports;
}
