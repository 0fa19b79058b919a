/** A process with many simulated hosts, ordered about by its parent through IPC. */
import { startSimHost, type HostCount, type SimHost, type SimSettings } from './sim-host.ts';

/** What the parent asks. */
export type Ask =
  | { readonly ask: 'start'; readonly settings: SimSettings; readonly hosts: readonly { readonly index: number; readonly natsUrl: string; readonly half: 'a' | 'b' }[] }
  | { readonly ask: 'count'; readonly badDigest: string }
  | { readonly ask: 'cut'; readonly half: 'a' | 'b'; readonly isCut: boolean }
  | { readonly ask: 'stop' };

/** What the worker answers, one for each question. */
export interface Answer {
  readonly counts: readonly HostCount[];
  /** Of this process, so far: CPU in microseconds, resident bytes. */
  readonly cpuUs: number;
  readonly residentBytes: number;
}

const hosts: { readonly half: 'a' | 'b'; readonly host: SimHost }[] = [];

async function obey(question: Ask): Promise<readonly HostCount[]> {
  switch (question.ask) {
    case 'start':
      for (const { index, natsUrl, half } of question.hosts)
        hosts.push({ half, host: await startSimHost(index, natsUrl, question.settings) });
      return [];
    case 'count': {
      const counts: HostCount[] = [];
      for (const { host } of hosts) counts.push(await host.count(question.badDigest));
      return counts;
    }
    case 'cut':
      for (const { half, host } of hosts) if (half === question.half) host.cut(question.isCut);
      return [];
    case 'stop':
      await Promise.all(hosts.map(({ host }) => host.stop()));
      return [];
  }
}

const tell = (answer: Answer, then: () => void): void => {
  if (process.send === undefined) throw new Error('expected a parent');
  process.send(answer, then);
};

process.on('message', (question: Ask) => {
  void obey(question).then((counts) => {
    const { user, system } = process.cpuUsage();
    tell({ counts, cpuUs: user + system, residentBytes: process.memoryUsage.rss() }, () => {
      if (question.ask === 'stop') process.disconnect?.();
    });
  });
});
