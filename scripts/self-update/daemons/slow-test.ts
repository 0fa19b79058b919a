/** A self-test that takes its time over the journal's header, and finds nothing wrong with it. */
import { setTimeout as sleep } from 'node:timers/promises';

export const readJournalHeader = (): Promise<null> => sleep(3_000, null);
