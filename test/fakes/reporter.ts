import type { ErrorRecord } from '../../src/errors.ts';
import type { Progress, Reporter } from '../../src/services/ports.ts';

/** Keeps everything that is reported. */
export interface FakeReporter extends Reporter {
  readonly reports: Progress[];
  /** The reports of one kind. */
  of<Kind extends Progress['kind']>(kind: Kind): Extract<Progress, { kind: Kind }>[];
  warnings(): ErrorRecord[];
}

export function createFakeReporter(): FakeReporter {
  const reports: Progress[] = [];
  const of: FakeReporter['of'] = (kind) =>
    reports.filter((it): it is Extract<Progress, { kind: typeof kind }> => it.kind === kind);
  return {
    reports,
    report: (progress) => {
      reports.push(progress);
    },
    of,
    warnings: () => of('warning').map(({ error }) => error),
  };
}
