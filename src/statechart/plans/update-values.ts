/** The values that the samples of the update machine are made of: one old version, one new one, one attempt a trigger. */
import type { Manifest } from '../../bundle/manifest.ts';
import type { Verdict } from '../../steps.ts';
import type {
  Attempt,
  Downloaded,
  Offer,
  Plan,
  ProbeEvidence,
  Release,
  Successor,
  Trigger,
  Verified,
  VersionRef,
  Watch,
} from '../../types.ts';

const digest = (letter: string): string => letter.repeat(64);

type Stored = Extract<VersionRef, { origin: 'store' }>;
const OLD: Stored = { origin: 'store', version: '1.0.0', digest: digest('a') };
const NEW: Stored = { origin: 'store', version: '1.1.0', digest: digest('b') };
const FULL = { kind: 'feed', path: 'bundles/1.1.0.jws', size: 1000, sha256: digest('c') } as const;
const DELTA = { kind: 'feed', path: 'bundles/1.0.0-1.1.0.jws', size: 100, sha256: digest('d') } as const;

const attempt = (trigger: Trigger, mode: Attempt['mode'] = 'apply'): Attempt => ({
  id: mode === 'report' ? 'sample-report' : `sample-${trigger}`,
  trigger,
  mode,
});

/** An attempt for everything that sets one off. */
export const ATTEMPTS = {
  schedule: attempt('schedule'),
  update: attempt('update'),
  report: attempt('check', 'report'),
  bundle: attempt('bundle'),
  rollback: attempt('rollback'),
  watch: attempt('watch'),
} as const;

/** The file that an operator gives. */
export const LOCAL_PATH = '/tmp/coresdk-sidecar-1.1.0.jws';
/** From the old version to the new one. */
export const PLAN: Plan = { from: OLD, to: NEW };
/** The new release. */
export const RELEASE: Release = { version: NEW.version, digest: NEW.digest };
/** The new release as a full bundle, and as a delta with the full bundle to fall back on. */
export const OFFERS: Readonly<Record<'full' | 'delta', Offer>> = {
  full: { source: FULL, release: RELEASE, channel: 'stable' },
  delta: { source: DELTA, full: FULL, release: RELEASE, channel: 'stable' },
};
/** Its bytes. */
export const DOWNLOADED: Downloaded = { file: `${FULL.sha256}.jws`, size: FULL.size, sha256: FULL.sha256 };

const MANIFEST: Manifest = {
  schema: 1,
  product: 'coresdk-sidecar',
  version: RELEASE.version,
  audience: ['stable', 'edge'],
  platform: { os: 'linux', arch: 'x64' },
  created_at: '2026-01-01T00:00:00Z',
  entrypoint: 'bin/sidecar',
  files: [
    { path: 'bin/sidecar', mode: 0o755, size: 900, sha256: digest('e'), encoding: 'zstd', stored_size: 800 },
  ],
};

/** The same, verified. */
export const VERIFIED: Verified = {
  release: RELEASE,
  manifest: MANIFEST,
  kid: 'sample-key',
  unpacked: 'unpacked',
};
/** What a good probe saw. */
export const EVIDENCE: ProbeEvidence = { polls: 3, tookMs: 1200, last: 'HTTP 200' };
/** The daemon in the new release. */
export const SUCCESSOR: Successor = { ref: NEW, sha256: digest('f') };
/** The new version, watched. */
export const WATCH: Watch = { version: NEW, previous: OLD };
/** Why an attempt goes back. */
export const VERDICTS = {
  interrupted: {
    error: { code: 'ATTEMPT_INTERRUPTED', message: 'the daemon or the host stopped in swapping' },
    evidence: ['the daemon or the host stopped in swapping'],
    interruptions: 1,
  },
  crashLoop: {
    error: { code: 'CRASH_LOOP', message: '1.1.0 was committed, and then crashed again and again' },
    evidence: ['5 crashes in a row'],
    interruptions: 0,
  },
  operator: {
    error: { code: 'ROLLED_BACK_BY_OPERATOR', message: 'an operator asked for 1.0.0' },
    evidence: [],
    interruptions: 0,
  },
} as const satisfies Record<string, Verdict>;
