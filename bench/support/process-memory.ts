/** Resident memory, as Linux tells it (`proc(5)`, `/proc/PID/status`). */
import { readFileSync, writeFileSync } from 'node:fs';

/**
 * A figure of `/proc/PID/status`, in bytes; null once the process has gone.
 *
 * @param field - `VmRSS` for what is resident now, `VmHWM` for the most that ever was
 */
export function residentBytes(field: 'VmRSS' | 'VmHWM', pid: number | 'self' = 'self'): number | null {
  let status: string;
  try {
    status = readFileSync(`/proc/${String(pid)}/status`, 'latin1');
  } catch {
    return null;
  }
  const line = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status);
  return line === null ? null : Number(line[1]) * 1024;
}

/** Makes `VmHWM` of this process start again at what is resident now (`proc(5)`, `/proc/PID/clear_refs`). */
export function resetPeak(): void {
  writeFileSync('/proc/self/clear_refs', '5');
}
