/** How long nobody answers while a version is swapped: from the last 200 of the old to the first 200 of the new. */
import { randomFillSync } from 'node:crypto';
import type { BundleFile } from '../src/publish/bundle-writer.ts';
import { watchFor } from './support/caller.ts';
import { benchWorkload, createDaemonRig } from './support/daemon-rig.ts';
import { median } from './support/numbers.ts';

/** Figures of one size of release, ms. */
export interface SwapFigures {
  /** Bytes of the release beside its program. */
  readonly bytes: number;
  /** From the last 200 of the old version to the first 200 of the new: median, and the worst. */
  readonly downtime: number;
  readonly worst: number;
  /** The new program alone, from its start to its first 200: median. */
  readonly coldStart: number;
  /** What the updater adds: downtime less cold start. */
  readonly own: number;
}

/**
 * Updates a running daemon several times, with a client that asks all the while.
 *
 * @param sizes - for each a series: bytes of ballast beside the program
 * @param rounds - updates a series
 */
export async function measureSwap(sizes: readonly number[], rounds: number): Promise<SwapFigures[]> {
  await using rig = await createDaemonRig();
  const colds: number[] = [];
  for (let round = 0; round < rounds; round += 1) colds.push(await rig.coldStart(`cold-${String(round)}`));
  await rig.start();
  const figures: SwapFigures[] = [];
  for (const [major, bytes] of sizes.entries()) {
    const times: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const version = `${String(major + 1)}.${String(round + 1)}.0`;
      const files: BundleFile[] = [
        { path: 'workload', source: Buffer.from(benchWorkload(version)), mode: 0o755 },
      ];
      if (bytes > 0)
        files.push({ path: 'ballast', source: randomFillSync(new Uint8Array(bytes)), mode: 0o644 });
      await rig.publish(version, files);
      const [{ last, first }] = await Promise.all([watchFor(rig.port, version), rig.update()]);
      if (last === null) throw new Error('expected the old version to answer before the swap');
      times.push(first.at - last.at);
    }
    const cold = median(colds);
    const downtime = median(times);
    figures.push({ bytes, downtime, worst: Math.max(...times), coldStart: cold, own: downtime - cold });
  }
  return figures;
}

if (import.meta.main) console.log(await measureSwap([0, 150e6], 7));
