import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HealthProbe } from '../../../src/services/ports.ts';

/** What is to be seen: nobody at the address, or somebody who does not answer, or an answer. */
export type ProbeSight = 'healthy' | 'unhealthy' | 'refused' | 'silent';

/** A probe, and what it looks at. */
export interface ProbeWorld {
  readonly probe: HealthProbe;
  /** What is to be seen from now on. */
  show(sight: ProbeSight): Promise<void>;
  close(): Promise<void>;
}

/** What a kind of probe can see, and what it says of it. */
export interface ProbeKind {
  /** The detail of a look, for each sight that this kind can tell from the others. */
  readonly says: Readonly<Partial<Record<ProbeSight, RegExp>>>;
  /** Whether there is an address at which somebody may answer. */
  readonly hasAddress: boolean;
  readonly address: RegExp;
}

/** What every {@link HealthProbe} keeps. */
export function healthProbeContract(name: string, kind: ProbeKind, make: () => Promise<ProbeWorld>): void {
  describe(`health probe: ${name}`, () => {
    const never = new AbortController().signal;
    const sights = Object.keys(kind.says) as ProbeSight[];
    let world: ProbeWorld;
    beforeEach(async () => {
      world = await make();
    });
    afterEach(() => world.close());

    it.each(Object.entries(kind.says) as [ProbeSight, RegExp][])('sees what is %s', async (sight, says) => {
      await world.show(sight);
      const { healthy, detail } = await world.probe.look(never);
      expect(healthy).toBe(sight === 'healthy');
      expect(detail).toMatch(says);
      expect(await world.probe.answered(never)).toBe(kind.hasAddress && sight !== 'refused');
    });

    it('sees a change at the next look', async () => {
      for (const sight of ['healthy', ...sights, 'healthy'] as const) {
        await world.show(sight);
        expect((await world.probe.look(never)).healthy).toBe(sight === 'healthy');
      }
    });

    it('rejects only when cancelled', async () => {
      await world.show('healthy');
      await expect(world.probe.look(AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' });
      await expect(world.probe.answered(AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' });
    });

    it('is cancelled in the middle of a look', async () => {
      const slow = sights.includes('silent') ? 'silent' : 'healthy';
      await world.show(slow);
      const cancelling = new AbortController();
      const looking = world.probe.look(cancelling.signal);
      cancelling.abort();
      await expect(looking).rejects.toMatchObject({ code: 'CANCELLED' });
    });

    it('names its address', () => {
      expect(world.probe.address).toMatch(kind.address);
    });
  });
}
