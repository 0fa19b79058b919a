import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LaunchedProcess, Processes } from '../../../src/services/ports.ts';
import type { LaunchTarget } from '../../../src/types.ts';

/** Programs that every implementation has: `exits` ends by itself with code 3. */
export type Program = 'runs' | 'ignoresTerm' | 'exits' | 'missing';

/** Processes, and the machine that they run on. */
export interface ProcessesWorld {
  readonly processes: Processes;
  target(program: Program): LaunchTarget;
  /** Resolves when the program is past its start (its signal handlers are set). */
  ready(launched: LaunchedProcess): Promise<void>;
  isRunning(pid: number): Promise<boolean>;
  /** As if the daemon had been killed and started again. */
  restart(): Promise<Processes>;
  close(): Promise<void>;
}

/** What every {@link Processes} keeps. */
export function processesContract(name: string, make: () => Promise<ProcessesWorld>): void {
  describe(`processes: ${name}`, () => {
    const never = new AbortController().signal;
    let world: ProcessesWorld;
    beforeEach(async () => {
      world = await make();
    });
    afterEach(() => world.close());
    const launch = async (program: Program): Promise<LaunchedProcess> => {
      const launched = await world.processes.launch(world.target(program), never);
      if (program !== 'exits') await world.ready(launched);
      return launched;
    };

    it('starts a program and ends it with SIGTERM', async () => {
      const launched = await launch('runs');
      expect(await world.isRunning(launched.pid)).toBe(true);
      await world.processes.terminate(launched, 10_000);
      // Known by now, not only soon.
      expect(await Promise.race([launched.exited, Promise.resolve('unknown')])).toEqual({
        code: null,
        signal: 'SIGTERM',
      });
      expect(await world.isRunning(launched.pid)).toBe(false);
    });

    it('kills a program that ignores SIGTERM once its grace is over', async () => {
      const launched = await launch('ignoresTerm');
      await world.processes.terminate(launched, 100);
      expect(await launched.exited).toEqual({ code: null, signal: 'SIGKILL' });
      expect(await world.isRunning(launched.pid)).toBe(false);
    });

    it('kills at once without a grace', async () => {
      const launched = await launch('runs');
      await world.processes.terminate(launched, 0);
      expect(await launched.exited).toEqual({ code: null, signal: 'SIGKILL' });
    });

    it('tells how a program ended by itself, and has nothing to end then', async () => {
      const launched = await launch('exits');
      expect(await launched.exited).toEqual({ code: 3, signal: null });
      await world.processes.terminate(launched, 10_000);
      await world.processes.terminate(launched, 10_000);
    });

    it('says which program cannot be started', async () => {
      const target = world.target('missing');
      await expect(world.processes.launch(target, never)).rejects.toMatchObject({
        name: 'UpdateError',
        code: 'WORKLOAD_START_FAILED',
        message: expect.stringContaining(target.entry) as string,
      });
    });

    it('starts nothing when cancelled', async () => {
      await expect(world.processes.launch(world.target('runs'), AbortSignal.abort())).rejects.toMatchObject({
        code: 'CANCELLED',
      });
      expect(await world.processes.endSurvivor(0)).toBeNull();
    });

    it('never has two programs running', async () => {
      const first = await launch('runs');
      const second = await launch('runs');
      expect(await world.isRunning(first.pid)).toBe(false);
      expect(await world.isRunning(second.pid)).toBe(true);
    });

    it('finds no survivor where there is none', async () => {
      expect(await world.processes.endSurvivor(100)).toBeNull();
      const launched = await launch('runs');
      await world.processes.terminate(launched, 10_000);
      expect(await (await world.restart()).endSurvivor(100)).toBeNull();
    });

    it.each(['runs', 'ignoresTerm'] as const)('ends a survivor that %s', async (program) => {
      const { pid } = await launch(program);
      const later = await world.restart();
      expect(await later.endSurvivor(100)).toEqual({ pid, version: world.target(program).ref.version });
      expect(await world.isRunning(pid)).toBe(false);
      expect(await later.endSurvivor(100)).toBeNull();
    });
  });
}
