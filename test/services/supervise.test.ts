import { expect, it } from 'vitest';
import { createActor, type PromiseActorLogic } from 'xstate';
import type { LaunchedProcess, ProcessExit, Processes } from '../../src/services/ports.ts';
import { supervision } from '../../src/services/supervise.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { OLD } from '../machines/values.ts';

const POLICY = { stopTimeoutMs: 10_000, backoffInitialMs: 1_000, backoffMaxMs: 60_000, stableAfterMs: 5_000 };
const target = { ref: OLD, entry: '/versions/1.0.0/run' };

/** Supervision of processes that are numbered from 1 on, and what was ended. */
function supervised() {
  const clock = createFakeClock();
  const ended: [number, number][] = [];
  const exits: ((exit: ProcessExit) => void)[] = [];
  const processes: Processes = {
    launch: () => {
      const { promise, resolve } = Promise.withResolvers<ProcessExit>();
      const pid = exits.push(resolve);
      return Promise.resolve({ pid, exited: promise } satisfies LaunchedProcess);
    },
    terminate: async ({ pid }, graceMs) => void ended.push([pid, graceMs]),
    promote: () => Promise.resolve(),
    relieve: () => Promise.resolve(),
    adopt: () => Promise.resolve(null),
    endSurvivor: () => Promise.resolve(null),
  };
  return { clock, ended, exits, actors: supervision({ processes, clock }, POLICY) };
}

function run<Output, Input>(logic: PromiseActorLogic<Output, Input>, input: Input): Promise<Output> {
  const actor = createActor(logic as PromiseActorLogic<Output>, { input });
  return new Promise((resolve, reject) => {
    actor.subscribe({
      next: ({ status, output }) => {
        if (status === 'done') resolve(output);
      },
      error: reject,
    });
    actor.start();
  });
}

it.each([
  [4_999, false],
  [5_000, true],
])('a run of %i ms is calm: %s, however long the daemon has run', async (ms, calm) => {
  const { clock, exits, actors } = supervised();
  await clock.advance(60_000);
  const { pid } = await run(actors.launch, { target });
  const attending = run(actors.attend, { pid });
  await clock.advance(ms);
  exits[0]!({ code: 1, signal: null });
  expect(await attending).toEqual({ exit: 'exit code 1', calm });
});

it('a group is ended once, and forgotten then', async () => {
  const { ended, actors } = supervised();
  const { pid } = await run(actors.launch, { target });
  await run(actors.terminate, { pid });
  await run(actors.terminate, { pid });
  await run(actors.sweep, { pid });
  await run(actors.sweep, { pid: null });
  expect(ended).toEqual([[pid, 10_000]]);
});

it('a process that was never launched here cannot be attended', async () => {
  const { actors } = supervised();
  await expect(run(actors.attend, { pid: 9 })).rejects.toMatchObject({
    code: 'INTERNAL',
    message: 'no process with pid 9 is supervised',
  });
});
