import { isIP } from 'node:net';
import type { HealthProbe } from '../services/ports.ts';
import type { ListenSockets } from './listen-sockets.ts';
import { listenText } from '../sockets/listen-address.ts';
import { holdersOf } from '../sockets/net-sockets.ts';
import type { ProbeTarget } from './probe-address.ts';

/**
 * Whether connections to `target` come to a socket that listens on `address`. A name may lead to any address of this host: there the
 * port decides.
 */
function leadsTo(target: ProbeTarget, address: string): boolean {
  if ('path' in target) return address === `unix:${target.path}`;
  const { host, port } = target;
  const family = isIP(host);
  if (family !== 4 && family !== 6) return address.startsWith('tcp:') && address.endsWith(`:${String(port)}`);
  const everyAddress = [
    listenText({ kind: 'tcp', family: 4, host: '0.0.0.0', port }),
    listenText({ kind: 'tcp', family: 6, host: '::', port }),
  ];
  return [listenText({ kind: 'tcp', family, host, port }), ...everyAddress].includes(address);
}

/**
 * A probe whose address may be a socket that the daemon holds. There a connection is accepted by the kernel though nobody serves, so
 * that "does anybody answer" becomes "has any other process the socket open": then, and only then, could a version that should be gone
 * answer for the new one.
 *
 * Not counted are this process and the one that started it, and process 1: systemd keeps what it hands over.
 *
 * @param target - where the probe connects to; null where nobody can tell (`probe.exec`): then every socket counts
 */
export function probeOfHeld(
  probe: HealthProbe,
  target: ProbeTarget | null,
  sockets: Pick<ListenSockets, 'held'>,
): HealthProbe {
  return {
    address: probe.address,
    look: (signal) => probe.look(signal),
    answered: async (signal) => {
      const inodes = sockets
        .held()
        .filter(({ address }) => target === null || leadsTo(target, address))
        .map(({ inode }) => inode);
      if (inodes.length === 0) return probe.answered(signal);
      const holders = await holdersOf(new Set(inodes), new Set([1, process.pid, process.ppid]));
      return holders.length > 0;
    },
  };
}
