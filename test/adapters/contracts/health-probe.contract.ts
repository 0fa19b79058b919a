import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HealthProbe } from '../../../src/services/ports.ts';
import type { Sight } from '../../fakes/scripted-probe.ts';

/** A probe, and what it looks at. */
export interface ProbeWorld {
  readonly probe: HealthProbe;
  /** What is to be seen from now on. */
  show(sight: Sight): Promise<void>;
  close(): Promise<void>;
}

/** What every {@link HealthProbe} keeps. */
export function healthProbeContract(name: string, make: () => Promise<ProbeWorld>): void {
  describe(`health probe: ${name}`, () => {
    const never = new AbortController().signal;
    let world: ProbeWorld;
    beforeEach(async () => {
      world = await make();
    });
    afterEach(() => world.close());

    it('calls only status 200 healthy', async () => {
      await world.show(200);
      expect(await world.probe.look(never)).toEqual({ healthy: true, detail: 'HTTP 200' });
      for (const status of [204, 301, 404, 500, 503]) {
        await world.show(status);
        expect(await world.probe.look(never)).toEqual({ healthy: false, detail: `HTTP ${String(status)}` });
      }
    });

    it('says that nobody is there', async () => {
      await world.show('refused');
      expect(await world.probe.look(never)).toEqual({ healthy: false, detail: 'connection refused' });
      expect(await world.probe.answered(never)).toBe(false);
    });

    it('says that somebody is there who does not answer', async () => {
      await world.show('silent');
      const { healthy, detail } = await world.probe.look(never);
      expect(healthy).toBe(false);
      expect(detail).toMatch(/^no answer in [\d.]+ s$/);
      expect(await world.probe.answered(never)).toBe(true);
    });

    it('finds somebody at the address whatever the status', async () => {
      await world.show(500);
      expect(await world.probe.answered(never)).toBe(true);
    });

    it('sees a change at the next look', async () => {
      for (const sight of [200, 'refused', 500, 200] as const) {
        await world.show(sight);
        expect((await world.probe.look(never)).healthy).toBe(sight === 200);
      }
    });

    it('rejects only when cancelled', async () => {
      await world.show('silent');
      await expect(world.probe.look(AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' });
      await expect(world.probe.answered(AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' });
    });

    it('names its address', () => {
      expect(world.probe.address).toMatch(/^https?:\/\//);
    });
  });
}
