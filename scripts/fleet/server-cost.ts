/** What a nats-server has cost so far, as its monitoring endpoint (`/varz`, `/jsz`) and the kernel tell. */
import { readFile } from 'node:fs/promises';

/** Figures of a server. Messages and bytes start again at 0 with each start of it. */
export interface ServerCost {
  readonly connections: number;
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly cpuS: number;
  readonly residentBytes: number;
  /** JetStream's files. */
  readonly storedBytes: number;
}

/** Ticks of `utime` and `stime` a second (sysconf(_SC_CLK_TCK) on Linux). */
const TICKS = 100;

async function cpuSeconds(pid: number): Promise<number> {
  const line = await readFile(`/proc/${String(pid)}/stat`, 'utf8');
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Asks a server. */
export async function serverCost(monitor: number, pid: number): Promise<ServerCost> {
  const ask = async (path: string): Promise<Record<string, number>> =>
    (await (await fetch(`http://127.0.0.1:${String(monitor)}/${path}`)).json()) as Record<string, number>;
  const general = await ask('varz');
  const stored = await ask('jsz');
  const figure = (name: string): number => general[name] ?? 0;
  return {
    connections: figure('connections'),
    messagesIn: figure('in_msgs'),
    messagesOut: figure('out_msgs'),
    bytesIn: figure('in_bytes'),
    bytesOut: figure('out_bytes'),
    cpuS: await cpuSeconds(pid),
    residentBytes: figure('mem'),
    storedBytes: stored['storage'] ?? 0,
  };
}
