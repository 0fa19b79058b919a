/**
 * A load of HTTP and gRPC through many updates, good and bad ones: how many requests fail, how many had to be sent again, and how long the
 * longest waited, with the daemon holding the sockets and without.
 *
 *     node bench/handover.ts [--updates 20] [--program serve|gunicorn] [--way stop-start|handover|overlap] [--load PERCENT]
 */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freePort } from '../demo/free-port.ts';
import { gunicornProgram, serveProgram, type BenchProgram, type Kind } from './handover/workloads.ts';
import type { KindFigures, LoadFigures, LoadOptions, Rates } from './handover/load.ts';
import { watchFor } from './support/caller.ts';
import { createDaemonRig } from './support/daemon-rig.ts';
import { median } from './support/numbers.ts';

/** How one version follows another: each with sockets of its own; on sockets that the daemon holds; on those, and beside each other. */
export const WAYS = ['stop-start', 'handover', 'overlap'] as const;

/** See {@link WAYS}. */
export type HandoverWay = (typeof WAYS)[number];

/** What is measured. */
export interface HandoverOptions {
  readonly program: BenchProgram;
  readonly way: HandoverWay;
  readonly updates: number;
  /** Requests a second. */
  readonly rates: Rates;
  /** Starts of the program alone, for its cold start. */
  readonly colds: number;
  /** Told how far it is. */
  readonly say?: (line: string) => void;
}

/** What came of it. */
export interface HandoverFigures {
  readonly program: string;
  readonly way: HandoverWay;
  readonly updates: Readonly<Record<Kind, number>>;
  readonly requests: number;
  readonly perSecond: number;
  /** Sent again, since their connection had been closed. */
  readonly retried: number;
  readonly failed: number;
  readonly longestMs: Readonly<Record<Kind, number>>;
  /** The program alone, from its start to its first 200: median. */
  readonly coldMs: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly byKind: Readonly<Record<string, KindFigures>>;
}

/** How long a version may take to become healthy, s: what a release costs that never does. */
const ROLLBACK_TIMEOUT_S = 8;
const DEADLINE_MS = 60_000;

/** Every tenth release answers 500 for ever, every fifth ends at once. */
function kindOf(update: number): Kind {
  if (update % 10 === 4) return 'unhealthy';
  return update % 5 === 3 ? 'exits' : 'good';
}

async function say(load: ChildProcess, word: 'report' | 'stop'): Promise<LoadFigures> {
  const answered = once(load, 'message', { signal: AbortSignal.timeout(DEADLINE_MS) });
  load.send(word);
  const [figures] = (await answered) as [LoadFigures];
  return figures;
}

async function coldStart(program: BenchProgram, folder: string): Promise<number> {
  await mkdir(folder);
  for (const { path, source, mode } of await program.files('cold', 'good'))
    await writeFile(join(folder, path), source as Buffer, { mode });
  const [http, grpc] = [await freePort(), await freePort()];
  const began = performance.now();
  const child = spawn(join(folder, 'workload'), {
    env: { ...process.env, ...program.env(http, grpc) },
    stdio: 'ignore',
  });
  const exited = once(child, 'exit');
  try {
    const { first } = await watchFor(http, program.grpc ? /"version":"cold"/ : 'cold');
    return first.at - began;
  } finally {
    child.kill('SIGTERM');
    await exited;
    await rm(folder, { recursive: true });
  }
}

/** Runs a load through updates of a program; see the head of the file. */
export async function measureHandover(options: HandoverOptions): Promise<HandoverFigures> {
  const { program, way, updates, say: tell = () => undefined } = options;
  const rates = program.grpc
    ? options.rates
    : {
        kept: options.rates.kept + options.rates.calls,
        fresh: options.rates.fresh + options.rates.freshCalls,
        calls: 0,
        freshCalls: 0,
      };
  const grpcPort = await freePort();
  const sockets = (port: number): string[] =>
    [port, ...(program.grpc ? [grpcPort] : [])].map((it) => `tcp://127.0.0.1:${String(it)}`);
  await using rig = await createDaemonRig({
    // Before the first update nobody has to answer.
    baseline: '#!/bin/sh\nexec sleep 1000\n',
    sections: (port) => ({
      update: { rollback_timeout: ROLLBACK_TIMEOUT_S },
      workload: {
        env: { PORT: String(port), ...program.env(port, grpcPort) },
        ...(way !== 'stop-start' && { listen: sockets(port) }),
        ...(way === 'overlap' && { swap: 'overlap' }),
      },
      probe: { interval: 0.05 },
    }),
  });
  const colds: number[] = [];
  for (let round = 0; round < options.colds; round += 1)
    colds.push(await coldStart(program, join(rig.root, `cold-${String(round)}`)));
  await rig.start();
  await rig.publish('1.0.0', await program.files('1.0.0', 'good'));
  await rig.update();

  const load = fork(join(import.meta.dirname, 'handover/load.ts'), [
    JSON.stringify({ httpPort: rig.port, path: program.path, grpcPort, rates } satisfies LoadOptions),
  ]);
  const counts: Record<Kind, number> = { good: 0, exits: 0, unhealthy: 0 };
  const longest: Record<Kind, number> = { good: 0, exits: 0, unhealthy: 0 };
  const errors: Record<string, number> = {};
  const byKind: Record<string, KindFigures> = {};
  let seconds = 0;
  const take = (kind: Kind, figures: LoadFigures): void => {
    seconds += figures.seconds;
    for (const [name, count] of Object.entries(figures.errors)) errors[name] = (errors[name] ?? 0) + count;
    for (const [name, it] of Object.entries(figures.kinds)) {
      const all = (byKind[name] ??= { sent: 0, retried: 0, failed: 0, longestMs: 0 });
      all.sent += it.sent;
      all.retried += it.retried;
      all.failed += it.failed;
      all.longestMs = Math.max(all.longestMs, it.longestMs);
      longest[kind] = Math.max(longest[kind], it.longestMs);
    }
  };
  try {
    for (let update = 0; update < updates; update += 1) {
      const kind = kindOf(update);
      const version = `1.${String(update + 1)}.0`;
      await rig.publish(version, await program.files(version, kind));
      const ended = await rig.client.follow(await rig.client.update({ dryRun: false }), { pollMs: 50 });
      const wanted = kind === 'good' ? 'committed' : 'rolledBack';
      if (ended.ended?.outcome !== wanted)
        throw new Error(
          `expected ${version} (${kind}) to be ${wanted}, found ${JSON.stringify(ended.ended)}`,
        );
      // Else no later release of the channel would be tried by itself.
      if (kind !== 'good') await rig.client.resume();
      counts[kind] += 1;
      const figures = await say(load, 'report');
      take(kind, figures);
      tell(
        `${version} ${kind}: longest wait ${String(Math.round(Math.max(...Object.values(figures.kinds).map((it) => it.longestMs))))} ms`,
      );
    }
    take('good', await say(load, 'stop'));
  } finally {
    load.kill();
  }
  const all = Object.values(byKind);
  const sum = (of: (it: KindFigures) => number): number => all.reduce((total, it) => total + of(it), 0);
  const requests = sum(({ sent }) => sent);
  return {
    program: program.name,
    way,
    updates: counts,
    requests,
    perSecond: requests / seconds,
    retried: sum(({ retried }) => retried),
    failed: sum(({ failed }) => failed),
    longestMs: longest,
    coldMs: median(colds),
    errors,
    byKind,
  };
}

/** 2,100 requests a second in all. */
export const FULL_LOAD: Rates = { kept: 900, fresh: 250, calls: 900, freshCalls: 50 };

/** A part of the full load. */
export function scaled(part: number): Rates {
  const { kept, fresh, calls, freshCalls } = FULL_LOAD;
  return { kept: kept * part, fresh: fresh * part, calls: calls * part, freshCalls: freshCalls * part };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      updates: { type: 'string', default: '20' },
      program: { type: 'string', default: 'serve' },
      way: { type: 'string', default: 'handover' },
      /** Of the full load, in percent. */
      load: { type: 'string', default: '100' },
    },
  });
  const figures = await measureHandover({
    program: values.program === 'gunicorn' ? gunicornProgram : serveProgram,
    way: WAYS.find((way) => way === values.way) ?? 'handover',
    updates: Number(values.updates),
    rates: scaled(Number(values.load) / 100),
    colds: 3,
    say: (line) => {
      console.error(line);
    },
  });
  console.log(figures);
}
