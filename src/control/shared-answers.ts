/**
 * One answer for callers who ask the same thing at the same time, so that a thousand of them do not read the disk a thousand times.
 *
 * Invariant: nobody gets an answer that was begun before the last event or the last command's end: who has seen an event, or the
 * success of a command, sees it in the status too.
 */
import type { ControlApi } from './api.ts';

/** A question whose answer is shared while it is on its way. */
interface Shared<T> {
  ask(): Promise<T>;
  /** The next to ask gets an answer that is begun then. */
  renew(): void;
}

function shared<T>(ask: () => Promise<T>): Shared<T> {
  let underWay: Promise<T> | null = null;
  return {
    ask: () => {
      if (underWay !== null) return underWay;
      const asked = ask();
      underWay = asked;
      const over = (): void => {
        if (underWay === asked) underWay = null;
      };
      asked.then(over, over);
      return asked;
    },
    renew: () => {
      underWay = null;
    },
  };
}

/** A control API whose reads of the disk are shared. */
export interface SharedAnswers {
  readonly api: ControlApi;
  /** Stops listening to events. */
  close(): void;
}

/**
 * Shares the answers of `status`, `versions`, `quarantine` and `doctor` among those who ask at the same time.
 *
 * @param api - what answers; whatever else is asked goes to it as it is
 */
export function shareAnswers(api: ControlApi): SharedAnswers {
  const status = shared(() => api.status());
  const versions = shared(() => api.versions());
  const quarantine = shared(() => api.quarantine());
  const doctor = shared(() => api.doctor());
  const renew = (): void => {
    for (const each of [status, versions, quarantine]) each.renew();
  };
  /** A command: what is asked once it has ended sees what it did. */
  const command =
    <Args extends unknown[], T>(run: (...args: Args) => Promise<T>) =>
    async (...args: Args): Promise<T> => {
      try {
        return await run(...args);
      } finally {
        renew();
      }
    };
  const close = api.events(renew);
  return {
    close,
    api: {
      status: () => status.ask(),
      versions: () => versions.ask(),
      quarantine: () => quarantine.ask(),
      // A look, not a command: what it finds changes nothing.
      doctor: () => doctor.ask(),
      // It shares its answers itself, for longer than any command.
      fleet: () => api.fleet(),
      history: (limit) => api.history(limit),
      attempt: (id) => api.attempt(id),
      logs: (limit) => api.logs(limit),
      config: () => api.config(),
      events: (listener, after) => api.events(listener, after),
      check: command(() => api.check()),
      update: command((options) => api.update(options)),
      apply: command((path) => api.apply(path)),
      rollback: command((version) => api.rollback(version)),
      pause: command((reason) => api.pause(reason)),
      resume: command(() => api.resume()),
      approve: command((release) => api.approve(release)),
      retry: command(() => api.retry()),
      clearQuarantine: command((digest) => api.clearQuarantine(digest)),
    },
  };
}
