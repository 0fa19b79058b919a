import { describe, expect, it } from 'vitest';
import type { Drain } from '../../../src/services/ports.ts';
import { refusal } from '../../fixtures/refusal.ts';

/** A drain, and a process that it can be asked to drain. */
export interface DrainSubject {
  readonly drain: Drain;
  readonly process: { readonly pid: number; readonly version: string };
  /** Has the process be one that cannot be drained well. */
  spoil(): void;
  close(): Promise<void>;
}

/** What every {@link Drain} does. */
export function drainContract(name: string, open: () => Promise<DrainSubject>): void {
  describe(`drain: ${name}`, () => {
    it('says how it went, and that nothing is wrong when everybody was served', async () => {
      const subject = await open();
      const drained = await subject.drain.run(subject.process, new AbortController().signal);
      expect(drained).toEqual({ tookMs: expect.any(Number) as number, connectionsLeft: 0, fault: null });
      await subject.close();
    });

    it('tells what went wrong, rather than reject', async () => {
      const subject = await open();
      subject.spoil();
      const drained = await subject.drain.run(subject.process, new AbortController().signal);
      expect(drained?.fault).toMatch(/^\S.*\S$/);
      await subject.close();
    });

    it('rejects by the signal', async () => {
      const subject = await open();
      expect(await refusal(subject.drain.run(subject.process, AbortSignal.abort()))).toBe('CANCELLED');
      await subject.close();
    });
  });
}
