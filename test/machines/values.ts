/** Right values of the project's words, for tests that need some and do not care which. */
import type { Manifest } from '../../src/bundle/manifest.ts';
import type { ErrorRecord } from '../../src/errors.ts';
import type { Verdict } from '../../src/steps.ts';
import type {
  Attempt,
  Downloaded,
  Ended,
  Offer,
  Plan,
  ProbeEvidence,
  Release,
  Successor,
  Verified,
  VersionRef,
  Watch,
} from '../../src/types.ts';

export const digestOf = (letter: string): string => letter.repeat(64);

export const stored = (version: string, letter: string): Extract<VersionRef, { origin: 'store' }> => ({
  origin: 'store',
  version,
  digest: digestOf(letter),
});

export const attempt = (change: Partial<Attempt> = {}): Attempt => ({
  id: 'a-1',
  trigger: 'schedule',
  mode: 'apply',
  ...change,
});

export const OLD = stored('1.0.0', 'a');
export const NEW = stored('1.1.0', 'b');
export const PLAN: Plan = { from: OLD, to: NEW };
export const RELEASE: Release = { version: NEW.version, digest: NEW.digest };
export const FULL_SOURCE = { kind: 'feed', path: 'bundles/x.jws', size: 10, sha256: digestOf('c') } as const;
export const DELTA_SOURCE = {
  kind: 'feed',
  path: 'bundles/y.jws',
  size: 2,
  sha256: digestOf('e'),
  base: { version: OLD.version, digest: OLD.digest },
} as const;
export const OFFER: Offer = {
  source: FULL_SOURCE,
  release: RELEASE,
  channel: 'stable',
};
export const DOWNLOADED: Downloaded = { file: 'x.jws', size: 10, sha256: digestOf('c') };
export const MANIFEST: Manifest = {
  schema: 1,
  product: 'coresdk-sidecar',
  version: NEW.version,
  audience: ['stable', 'edge'],
  platform: { os: 'linux', arch: 'x64' },
  created_at: '2026-01-01T00:00:00Z',
  entrypoint: 'run',
  files: [{ path: 'run', mode: 0o755, size: 1, sha256: digestOf('d'), encoding: 'zstd', stored_size: 1 }],
};
export const VERIFIED: Verified = { release: RELEASE, manifest: MANIFEST, kid: 'k', unpacked: 'unpacked' };
export const SUCCESSOR: Successor = { ref: NEW, sha256: digestOf('f') };
export const EVIDENCE: ProbeEvidence = { polls: 3, tookMs: 1200, last: 'HTTP 200' };
export const WATCH: Watch = { version: NEW, previous: OLD };
export const RECORD: ErrorRecord = { code: 'PROBE_TIMEOUT', message: 'expected 200, found HTTP 500' };
export const VERDICT: Verdict = { error: RECORD, evidence: ['last: HTTP 500'], interruptions: 0 };
export const ended = (change: Partial<Ended> = {}): Ended => ({
  attempt: attempt(),
  outcome: 'interrupted',
  reason: 'the power went',
  error: { code: 'ATTEMPT_INTERRUPTED', message: 'the power went' },
  stage: 'downloading',
  from: null,
  to: null,
  ...change,
});
