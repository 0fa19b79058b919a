/** The machine under the Stately Inspector, for whoever works on it. A built program has no inspector in it. */
import type { InspectionEvent } from 'xstate';
import type { Embedded } from '../embedded.ts';
import { UpdateError } from '../errors.ts';

/** What `scripts/inspector.ts` gives. */
export interface Inspector {
  readonly url: string;
  readonly inspect: (event: InspectionEvent) => void;
  close(): void;
}

// Named by a variable, so that no build takes it along: it uses packages that only a checkout has.
const MODULE = '../../scripts/inspector.ts';

/**
 * Starts the inspector.
 *
 * @throws UpdateError `USAGE` in a program that was built
 */
export async function openInspector({ commit }: Pick<Embedded, 'commit'>): Promise<Inspector> {
  if (commit !== 'source')
    throw new UpdateError(
      'USAGE',
      'expected a program that runs from source (node src/main.ts --inspect), found a built one: it has no inspector',
    );
  const { startInspector } = (await import(MODULE)) as { startInspector: () => Promise<Inspector> };
  return startInspector();
}
