/**
 * The daemon from source, run by `node daemon.ts CONFIG` with a {@link FaultOrder} in `CORESDK_TEST_FAULT` (JSON): it writes down each fault
 * point that it reaches, and kills itself with SIGKILL at one of them. Its first check comes at once.
 */
import { appendFileSync } from 'node:fs';
import type { Ports } from '../../../src/services/ports.ts';
import { runDaemonFromSource } from '../../e2e/support/source-daemon.ts';
import { faultPoints, type Reached } from './fault-points.ts';
import { isAt, type FaultOrder } from './fault-order.ts';

const order = JSON.parse(process.env['CORESDK_TEST_FAULT'] ?? '{}') as FaultOrder;
let workload: Ports['workload'] | null = null;

function killWorkload(): void {
  const pid = workload?.status().pid ?? null;
  if (pid === null) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

function reach(point: Reached): void {
  if (order.trace !== undefined) appendFileSync(order.trace, `${JSON.stringify(point)}\n`);
  if (order.kill === undefined || !isAt(order.kill, point)) return;
  if (order.kill.workload === true) killWorkload();
  process.kill(process.pid, 'SIGKILL');
}

const { adapt = (ports: Ports) => ports, ...faults } = faultPoints(reach);
await runDaemonFromSource(() => ({
  ...faults,
  adapt: (ports) => {
    workload = ports.workload;
    // No jitter, and the first check of a start at once.
    return { ...adapt(ports), clock: { ...ports.clock, random: () => 0 } };
  },
}));
