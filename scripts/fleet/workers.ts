/** The simulated hosts, spread over processes. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { HostCount, SimSettings } from './sim-host.ts';
import type { Answer, Ask } from './worker.ts';

/** All simulated hosts. */
export interface Simulation {
  counts(badDigest: string): Promise<HostCount[]>;
  cut(half: 'a' | 'b', isCut: boolean): Promise<void>;
  /** Of all processes: CPU so far, s, and resident memory, bytes. */
  cost(): { readonly cpuS: number; readonly residentBytes: number };
  stop(): Promise<void>;
}

/** Starts hosts: those with an even number in half `a`, the others in half `b`. */
export async function startSimulation(
  hosts: number,
  processes: number,
  settings: SimSettings,
  natsUrls: Readonly<Record<'a' | 'b', string>>,
): Promise<Simulation> {
  const workers = Array.from({ length: processes }, () => ({
    child: fork(join(import.meta.dirname, 'worker.ts'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }),
    last: { counts: [], cpuUs: 0, residentBytes: 0 } as Answer,
  }));
  const ask = async (worker: { child: ChildProcess; last: Answer }, question: Ask): Promise<Answer> => {
    const over = new AbortController();
    const { signal } = over;
    const died = once(worker.child, 'exit', { signal }).then(() => {
      throw new Error('a process of simulated hosts died');
    });
    try {
      const answered = once(worker.child, 'message', { signal });
      worker.child.send(question);
      const [answer] = (await Promise.race([answered, died])) as [Answer];
      worker.last = answer;
      return answer;
    } finally {
      over.abort();
      await died.catch(() => undefined);
    }
  };
  const all = (question: Ask): Promise<Answer[]> => Promise.all(workers.map((worker) => ask(worker, question)));
  const halfOf = (index: number): 'a' | 'b' => (index % 2 === 0 ? 'a' : 'b');
  const list = Array.from({ length: hosts }, (_, index) => ({ index, half: halfOf(index), natsUrl: natsUrls[halfOf(index)] }));
  await Promise.all(
    workers.map((worker, place) =>
      ask(worker, { ask: 'start', settings, hosts: list.filter((_, index) => Math.floor(index / 2) % processes === place) }),
    ),
  );
  return {
    counts: async (badDigest) => (await all({ ask: 'count', badDigest })).flatMap(({ counts }) => counts),
    cut: async (half, isCut) => {
      await all({ ask: 'cut', half, isCut });
    },
    cost: () => ({
      cpuS: workers.reduce((sum, { last }) => sum + last.cpuUs, 0) / 1e6,
      residentBytes: workers.reduce((sum, { last }) => sum + last.residentBytes, 0),
    }),
    stop: async () => {
      await all({ ask: 'stop' });
      for (const { child } of workers) if (child.exitCode === null) await once(child, 'exit');
    },
  };
}
