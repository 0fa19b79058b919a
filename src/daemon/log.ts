import type { Progress, WorkloadStatus } from '../services/ports.ts';
import type { StepEvent } from '../services/index.ts';
import type { Ended, OutcomeKind, Trigger } from '../types.ts';
import { wentBackAsAsked } from './board.ts';
import type { LineLogger } from './log-tee.ts';

/** What the daemon writes to its log; one method for each kind of event, so that its lines have one shape. */
export interface DaemonLog {
  readonly step: (event: StepEvent) => void;
  readonly progress: (progress: Progress) => void;
  readonly ended: (ended: Ended) => void;
  readonly workload: (status: WorkloadStatus) => void;
}

/** Outcomes that somebody should read about. */
const LOUD: ReadonlySet<OutcomeKind> = new Set(['rolledBack', 'failed', 'refused', 'error', 'interrupted']);

/** Whether somebody should read about the end of an attempt: not where it went back as an operator asked. */
export function isLoud(trigger: Trigger, outcome: OutcomeKind): boolean {
  return LOUD.has(outcome) && !wentBackAsAsked(trigger, outcome);
}

/** Writes events of the daemon as structured log lines: attempt, state, code. */
export function createDaemonLog(logger: LineLogger): DaemonLog {
  let lastWorkload = '';
  return {
    step: (event) => {
      const about = { attempt: event.attempt?.id, state: event.state, step: event.step };
      switch (event.phase) {
        case 'began':
          // Waiting in `idle` is not an event.
          if (event.state !== 'idle') logger.info(about, `entered ${event.state}`);
          return;
        case 'done':
          logger.debug({ ...about, took_ms: event.tookMs }, `${event.step} done`);
          return;
        case 'failed':
          if (event.error.code === 'CANCELLED') return;
          logger.warn(
            { ...about, took_ms: event.tookMs, code: event.error.code },
            `${event.step} failed: ${event.error.message}`,
          );
          if (event.error.code === 'INTERNAL') logger.error({ ...about, err: event.error }, 'this is a bug');
      }
    },
    progress: (progress) => {
      if (progress.kind === 'warning') logger.warn({ code: progress.error.code }, progress.error.message);
      else if (progress.kind === 'retry')
        logger.warn(
          { code: progress.error.code, wait_ms: progress.waitMs },
          `${progress.error.message}; asked again in ${(progress.waitMs / 1000).toFixed(1)} s (${String(progress.failures)} of ${String(progress.retries)})`,
        );
      else if (progress.kind === 'nextCheck')
        logger.debug({ at: progress.at }, `next check: ${progress.why}`);
      else if (progress.kind === 'drained') {
        const { version, drained } = progress;
        const about = { version, took_ms: drained.tookMs, connections_left: drained.connectionsLeft };
        if (drained.fault === null) logger.info(about, `${version} was drained`);
        else
          logger.warn({ ...about, code: 'DRAIN_INCOMPLETE' }, `${version} was not drained: ${drained.fault}`);
      } else if (progress.kind === 'probe')
        logger.debug({ healthy: progress.result.healthy }, `probe: ${progress.result.detail}`);
    },
    ended: ({ attempt, outcome, reason, error, stage, from, to }) => {
      const about = {
        attempt: attempt.id,
        trigger: attempt.trigger,
        outcome,
        state: stage,
        code: error?.code,
        from: from?.version,
        to: to?.version,
      };
      if (isLoud(attempt.trigger, outcome)) logger.error(about, `attempt ended: ${outcome}: ${reason}`);
      else logger.info(about, `attempt ended: ${outcome}: ${reason}`);
    },
    workload: ({ state, ref, pid, lastExit, restarts }) => {
      const line = `${state} ${String(pid)}`;
      if (line === lastWorkload) return;
      lastWorkload = line;
      const about = { version: ref?.version, pid, restarts, last_exit: lastExit };
      if (state === 'crashed') logger.warn(about, 'the workload crashed');
      else logger.info(about, `workload: ${state}`);
    },
  };
}
