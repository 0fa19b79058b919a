/** All ports as fakes, and what tests of services do with them. */
import { fixedDaemon } from '../../src/adapters/fixed-daemon.ts';
import { noDrain } from '../../src/adapters/no-drain.ts';
import { noNudges, noOrders } from '../../src/adapters/no-fleet.ts';
import { releaseDigest } from '../../src/bundle/manifest.ts';
import type {
  CommittedMark,
  HeadStore,
  Host,
  Ids,
  Journal,
  Ports,
  Quarantine,
} from '../../src/services/ports.ts';
import type { Settings } from '../../src/services/settings.ts';
import type { VersionRef } from '../../src/types.ts';
import { memoryDownloads, type MemoryDownloads } from '../fakes/downloads.ts';
import { createFakeClock, type FakeClock } from '../fakes/fake-clock.ts';
import { memoryApprovals } from '../fakes/approvals.ts';
import { createFakeGate, type FakeGate } from '../fakes/gate.ts';
import { memoryHeadStore } from '../fakes/head-store.ts';
import { recordingHooks, type RecordingHooks } from '../fakes/hooks.ts';
import { fakeHost } from '../fakes/host.ts';
import { memoryJournal } from '../fakes/journal.ts';
import { createMemoryFeed, type MemoryFeed } from '../fakes/memory-feed.ts';
import { memoryPauses, type MemoryPauses } from '../fakes/pauses.ts';
import { memoryQuarantine } from '../fakes/quarantine.ts';
import { createFakeReporter, type FakeReporter } from '../fakes/reporter.ts';
import { createScriptedProbe, type ScriptedProbe } from '../fakes/scripted-probe.ts';
import { memoryVersionStore, type MemoryVersionStore } from '../fakes/version-store.ts';
import { createFakeWorkload, type FakeWorkload } from '../fakes/workload.ts';
import { manifestOf, packed } from '../fixtures/forge.ts';
import type { Manifest } from '../../src/bundle/manifest.ts';

/** The ports, and their inner sides. */
export interface Rig extends Ports {
  readonly clock: FakeClock;
  readonly ids: Ids;
  readonly feed: MemoryFeed;
  readonly heads: HeadStore;
  readonly downloads: MemoryDownloads;
  readonly store: MemoryVersionStore;
  readonly quarantine: Quarantine;
  readonly journal: Journal;
  readonly workload: FakeWorkload;
  readonly probe: ScriptedProbe;
  readonly gate: FakeGate;
  readonly pauses: MemoryPauses;
  readonly hooks: RecordingHooks;
  readonly reporter: FakeReporter;
  /** What was asked of the workload, the store and the probe, in order. */
  readonly calls: string[];
  readonly host: Host;
}

/** The time at which every rig starts. */
export const NOW = Date.UTC(2026, 10, 23);

export const DAY_MS = 24 * 3600 * 1000;

/** A signal that never fires. */
export const NEVER = new AbortController().signal;

export const SETTINGS: Settings = {
  channel: 'stable',
  disabled: null,
  checkIntervalMs: 3_600_000,
  jitter: 0.1,
  minAgeMs: 0,
  allowSecurityOverride: false,
  rollbackTimeoutMs: 60_000,
  probeIntervalMs: 1_000,
  probeSuccessThreshold: 1,
  soakMs: 0,
  failureThreshold: 3,
  flapThreshold: 3,
  watchMs: 600_000,
  swap: 'stop-start',
  addressFreeMs: 3_000,
};

/** Fakes for all ports. The program before any update is 0.9.0 unless told. */
export function createRig(
  options: {
    readonly host?: Partial<Host>;
    readonly freeBytes?: number;
    readonly random?: readonly number[];
    /** The version of the program before any update. */
    readonly baseline?: string;
  } = {},
): Rig {
  const clock = createFakeClock(NOW, options.random);
  const calls: string[] = [];
  const downloads = memoryDownloads(options.freeBytes);
  const store = memoryVersionStore(downloads, {
    version: options.baseline ?? '0.9.0',
    entry: '/opt/sidecar',
  });
  const probe = createScriptedProbe('refused');
  let ids = 0;
  const rig: Rig = {
    clock,
    ids: { next: () => `id-${String(++ids)}` },
    feed: createMemoryFeed(),
    heads: memoryHeadStore(),
    downloads,
    store: {
      ...store,
      activate: async (ref) => {
        calls.push(`activate ${ref.version}`);
        await store.activate(ref);
      },
    },
    quarantine: memoryQuarantine(),
    journal: memoryJournal(clock),
    workload: createFakeWorkload(calls),
    probe: {
      ...probe,
      get looks() {
        return probe.looks;
      },
      set script(script) {
        probe.script = script;
      },
      get script() {
        return probe.script;
      },
      answered: async (signal) => {
        const answered = await probe.answered(signal);
        calls.push(answered ? 'address answers' : 'address silent');
        return answered;
      },
    },
    probeBeside: createScriptedProbe('refused'),
    drain: noDrain,
    succession: fixedDaemon('1.0.0'),
    orders: noOrders,
    nudges: noNudges,
    gate: createFakeGate(),
    approvals: memoryApprovals(),
    pauses: memoryPauses(),
    hooks: recordingHooks(calls),
    reporter: createFakeReporter(),
    calls,
    host: fakeHost(options.host),
  };
  return rig;
}

/** The manifest of a version with one file. */
export function manifestFor(
  version: string,
  change: Record<string, unknown> = {},
): { manifest: Manifest; digest: string; content: Buffer } {
  const content = Buffer.from(`program ${version}`);
  const manifest = JSON.parse(
    manifestOf([packed('run', content)], { version, ...change }).toString(),
  ) as Manifest;
  return { manifest, digest: releaseDigest(manifest.files), content };
}

/** Puts a complete version into the store; committed long ago unless told. */
export function install(
  rig: Rig,
  version: string,
  mark: Partial<CommittedMark> | null = {},
): Extract<VersionRef, { origin: 'store' }> {
  const { manifest, digest, content } = manifestFor(version);
  rig.store.versions.set(version, {
    manifest,
    digest,
    files: new Map([['run', { mode: 0o755, bytes: content }]]),
    mark: mark === null ? null : { at: NOW - DAY_MS, previous: rig.store.baseline, watched: true, ...mark },
  });
  return { origin: 'store', version, digest };
}

/** Changes a byte of a version on disk. */
export function damage(rig: Rig, version: string): void {
  rig.store.versions.get(version)!.files.get('run')!.bytes = Buffer.from('other');
}
