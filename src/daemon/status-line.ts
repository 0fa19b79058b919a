/** The daemon in one line, for `systemctl status`. Pure. */
import type { Status } from '../control/api.ts';

function workloadWords({ workload, current }: Status): string {
  const version = workload.version ?? current.version;
  const exit = workload.last_exit === null ? '' : ` (last exit: ${workload.last_exit})`;
  if (workload.state === 'starting') return `${version} is starting`;
  if (workload.state !== 'running') return `${version} IS DOWN${exit}`;
  const { health } = workload;
  if (health === null) return `${version} runs`;
  return health.healthy ? `${version} healthy` : `${version} NOT HEALTHY: ${health.detail}`;
}

/** `1.2.0 → 1.3.0`, as much of it as is known. */
function arrow(from: string | null, to: string | null): string {
  if (to === null) return from === null ? '' : ` ${from}`;
  return from === null ? ` to ${to}` : ` ${from} → ${to}`;
}

function nextWords({ paused, disabled, next_check_at: at, next_check_why: why }: Status): string {
  if (disabled !== null) return `no updates: ${disabled}`;
  if (paused !== null) return `updates PAUSED: ${paused.message}`;
  return at === null ? `no check by itself: ${why}` : `next check ${at.replace(/\.\d+Z$/, 'Z')}`;
}

/**
 * The line.
 *
 * @param status - as the control API gives it
 * @example
 * statusLine(status); // '1.3.0 healthy; next check 2026-11-23T19:00:00Z'
 */
export function statusLine(status: Status): string {
  const { state, from, to, progress, waiting } = status;
  switch (state) {
    case 'idle':
      return `${workloadWords(status)}; ${nextWords(status)}`;
    case 'recovering':
      return 'starting up: what was interrupted is being repaired';
    case 'checking':
      return `${workloadWords(status)}; looking for a newer release`;
    case 'handingOver':
      return `${workloadWords(status)}; the daemon gives way to that of ${status.to ?? 'the release'}`;
    case 'rollingBack':
    case 'rolledBack':
      return `rolling back${arrow(to, from)}`;
    case 'failed':
      return `${from === null ? 'START-UP FAILED' : 'ROLLBACK FAILED'}: ${workloadWords(status)}; ${status.next_action}`;
    default: {
      const far =
        waiting !== null ? `: ${waiting.reason}` : progress?.kind === 'probe' ? `: ${progress.last}` : '';
      return `updating${arrow(from, to)}: ${state}${far}`;
    }
  }
}
