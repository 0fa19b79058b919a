import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { UpdateError } from '../../src/errors.ts';
import type { Metrics } from '../../src/daemon/metrics.ts';
import type { StepEvent } from '../../src/services/index.ts';
import { attempt, ended, RECORD } from '../machines/values.ts';
import { signedHead, trustingRig } from '../services/head-fixture.ts';
import { DAY_MS, install, NOW, type Rig } from '../services/rig.ts';
import { familiesOf, metricsOn, samplesOf, type Sample } from './metric-fixture.ts';

let rig: Rig;
let metrics: Metrics;
beforeEach(async () => {
  rig = await trustingRig();
  metrics = await metricsOn(rig);
});

const samples = async (): Promise<Sample[]> => samplesOf((await metrics.scrape()).body);
const value = async (name: string, labels: Record<string, string> = {}): Promise<number | null> => {
  const found = (await samples()).filter(
    (it) => it.name === name && Object.entries(labels).every(([key, text]) => it.labels[key] === text),
  );
  expect(found.length).toBeLessThan(2);
  return found[0]?.value ?? null;
};
const step = (event: Partial<StepEvent> = {}): void => {
  metrics.step({
    step: 'check',
    state: 'checking',
    attempt: attempt(),
    phase: 'began',
    ...event,
  } as StepEvent);
};

/** Names are an interface: who renames one breaks dashboards and alerts. Add to this list, and to docs/observability.md. */
const NAMES = {
  coresdk_update_attempt_duration_seconds: 'histogram',
  coresdk_update_attempts_total: 'counter',
  coresdk_update_build_info: 'gauge',
  coresdk_update_channel_info: 'gauge',
  coresdk_update_check_interval_seconds: 'gauge',
  coresdk_update_current_version_info: 'gauge',
  coresdk_fleet_connected: 'gauge',
  coresdk_fleet_outbox: 'gauge',
  coresdk_update_disabled: 'gauge',
  coresdk_update_download_bytes_total: 'counter',
  coresdk_update_errors_total: 'counter',
  coresdk_update_head_age_seconds: 'gauge',
  coresdk_update_head_epoch: 'gauge',
  coresdk_update_head_expiry_timestamp_seconds: 'gauge',
  coresdk_update_head_seq: 'gauge',
  coresdk_update_held_back: 'gauge',
  coresdk_update_last_check_success_timestamp_seconds: 'gauge',
  coresdk_update_last_outcome_timestamp_seconds: 'gauge',
  coresdk_update_last_success_timestamp_seconds: 'gauge',
  coresdk_update_next_check_timestamp_seconds: 'gauge',
  coresdk_update_paused: 'gauge',
  coresdk_update_quarantined_releases: 'gauge',
  coresdk_update_request_retries_total: 'counter',
  coresdk_update_mirror_up: 'gauge',
  coresdk_update_start_timestamp_seconds: 'gauge',
  coresdk_update_state: 'gauge',
  coresdk_update_step_duration_seconds: 'histogram',
  coresdk_update_unreadable_total: 'counter',
  coresdk_update_waiting: 'gauge',
  coresdk_update_warnings_total: 'counter',
  coresdk_workload_healthy: 'gauge',
  coresdk_workload_restarts_total: 'counter',
  coresdk_workload_start_timestamp_seconds: 'gauge',
  coresdk_workload_up: 'gauge',
};

describe('names', () => {
  it('are stable', async () => {
    const { body, contentType } = await metrics.scrape();
    expect(contentType).toContain('version=0.0.4');
    expect(Object.fromEntries([...familiesOf(body)].sort())).toEqual(NAMES);
  });

  it('are documented', async () => {
    const text = await readFile(join(import.meta.dirname, '../../docs/observability.md'), 'utf8');
    expect(Object.keys(NAMES).filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });

  it('of the process come with the first scrape, where they are wanted', async () => {
    const mine = await metricsOn(rig, { process: true });
    const names = [...familiesOf((await mine.scrape()).body).keys()];
    expect(names).toEqual(
      expect.arrayContaining(['process_resident_memory_bytes', 'nodejs_eventloop_lag_p99_seconds']),
    );
  });

  it('belong to one updater: another one counts for itself', async () => {
    const other = await metricsOn(rig);
    metrics.ended(ended());
    expect((await other.scrape()).body).not.toMatch(/^coresdk_update_attempts_total\{/m);
  });
});

describe('the state', () => {
  it('is 1 for one state and 0 for the others', async () => {
    metrics.entered('idle');
    metrics.entered('probing');
    const states = (await samples()).filter(({ name }) => name === 'coresdk_update_state');
    expect(states).toHaveLength(16);
    expect(states.filter(({ value }) => value === 1)).toMatchObject([{ labels: { state: 'probing' } }]);
  });

  it('tells pause, disablement, what is waited for and the next check', async () => {
    metrics = await metricsOn(rig, {
      disabled: 'CORESDK_UPDATE_DISABLED is set',
      paused: () => true,
      board: {
        nextCheck: () => ({ at: NOW + 5_000, why: '' }),
        waiting: () => ({ for: 'window', reason: '', until: null }),
        heldBack: () => ({ version: '2.0.0', reason: '', until: null }),
      },
    });
    expect(await value('coresdk_update_paused')).toBe(1);
    expect(await value('coresdk_update_disabled')).toBe(1);
    expect(await value('coresdk_update_held_back')).toBe(1);
    expect(await value('coresdk_update_waiting', { for: 'window' })).toBe(1);
    expect(await value('coresdk_update_waiting', { for: 'approval' })).toBe(0);
    expect(await value('coresdk_update_next_check_timestamp_seconds')).toBe(NOW / 1000 + 5);
    expect(await value('coresdk_update_check_interval_seconds')).toBeNull();
  });

  it('tells of the fleet where there is one', async () => {
    expect(await value('coresdk_fleet_connected')).toBeNull();
    expect(await value('coresdk_fleet_outbox')).toBeNull();
    const link = { connected: true, server: 's', since: 0, fault: null };
    const report = { group: 'web', host: 'h1', link, outbox: 3, halts: [] };
    metrics = await metricsOn(rig, { fleet: { report: () => Promise.resolve(report) } });
    expect(await value('coresdk_fleet_connected')).toBe(1);
    expect(await value('coresdk_fleet_outbox')).toBe(3);
    const away = { ...report, link: { ...link, connected: false } };
    metrics = await metricsOn(rig, { fleet: { report: () => Promise.resolve(away) } });
    expect(await value('coresdk_fleet_connected')).toBe(0);
    metrics = await metricsOn(rig, { fleet: { report: () => Promise.reject(new Error('unreadable')) } });
    expect(await value('coresdk_fleet_outbox')).toBeNull();
    expect(await value('coresdk_update_unreadable_total')).toBeGreaterThan(0);
  });

  it('has no sample where nothing is known', async () => {
    for (const name of ['last_check_success', 'last_success', 'next_check'])
      expect(await value(`coresdk_update_${name}_timestamp_seconds`)).toBeNull();
    expect(await value('coresdk_update_check_interval_seconds')).toBe(3600);
  });
});

describe('attempts', () => {
  it('are counted by outcome, stage, trigger and code', async () => {
    metrics.ended(ended({ outcome: 'rolledBack', stage: 'rolledBack', error: RECORD }));
    metrics.ended(ended({ outcome: 'rolledBack', stage: 'rolledBack', error: RECORD }));
    const labels = { outcome: 'rolledBack', stage: 'rolledBack', trigger: attempt().trigger };
    expect(await value('coresdk_update_attempts_total', labels)).toBe(2);
    expect(await value('coresdk_update_errors_total', { code: RECORD.code })).toBe(2);
    expect(await value('coresdk_update_last_outcome_timestamp_seconds', { outcome: 'rolledBack' })).toBe(
      NOW / 1000,
    );
  });

  it('last from the first step to the end', async () => {
    step();
    await rig.clock.advance(2_000);
    step({ phase: 'done', tookMs: 2_000 });
    metrics.ended(ended({ outcome: 'nothing' }));
    expect(await value('coresdk_update_attempt_duration_seconds_sum', { outcome: 'nothing' })).toBe(2);
    expect(await value('coresdk_update_step_duration_seconds_sum', { step: 'check', result: 'done' })).toBe(
      2,
    );
  });

  it('that another process began have no duration', async () => {
    metrics.ended(ended({ outcome: 'interrupted' }));
    expect(
      await value('coresdk_update_attempt_duration_seconds_count', { outcome: 'interrupted' }),
    ).toBeNull();
  });

  it('know when a check last succeeded; a failed one does not count', async () => {
    step({ phase: 'failed', tookMs: 1, error: new UpdateError('FEED_UNREACHABLE', 'no') });
    expect(await value('coresdk_update_last_check_success_timestamp_seconds')).toBeNull();
    step({ phase: 'done', tookMs: 1 });
    expect(await value('coresdk_update_last_check_success_timestamp_seconds')).toBe(NOW / 1000);
  });

  it('do not time steps that wait for the next event', async () => {
    step({ step: 'schedule', state: 'idle', attempt: null, phase: 'done', tookMs: 9 });
    expect((await metrics.scrape()).body).not.toContain('step="schedule"');
  });
});

describe('progress', () => {
  it('counts the bytes that came, and not those that were there already', async () => {
    step({ step: 'download', state: 'downloading' });
    metrics.progress({ kind: 'download', received: 40, total: 100, resumed: true });
    metrics.progress({ kind: 'download', received: 70, total: 100 });
    metrics.progress({ kind: 'download', received: 100, total: 100 });
    step({ step: 'download', state: 'downloading' });
    metrics.progress({ kind: 'download', received: 10, total: 10 });
    expect(await value('coresdk_update_download_bytes_total')).toBe(70);
  });

  it('counts a download that starts again from its first byte', async () => {
    step({ step: 'download', state: 'downloading' });
    metrics.progress({ kind: 'download', received: 50, total: 100 });
    metrics.progress({ kind: 'download', received: 20, total: 100 });
    metrics.progress({ kind: 'download', received: 100, total: 100 });
    expect(await value('coresdk_update_download_bytes_total')).toBe(130);
  });

  it('counts retries and warnings', async () => {
    metrics.progress({ kind: 'retry', error: RECORD, waitMs: 1, failures: 1, retries: 4 });
    metrics.progress({ kind: 'warning', error: RECORD });
    expect(await value('coresdk_update_request_retries_total')).toBe(1);
    expect(await value('coresdk_update_warnings_total', { code: RECORD.code })).toBe(1);
  });
});

describe('the workload', () => {
  it('is up and healthy while it runs', async () => {
    expect(await value('coresdk_workload_up')).toBe(0);
    expect(await value('coresdk_workload_healthy')).toBe(0);
    const entry = { ref: rig.store.baseline, entry: '/opt/sidecar' };
    await rig.workload.start(entry, new AbortController().signal);
    expect(await value('coresdk_workload_up')).toBe(1);
    expect(await value('coresdk_workload_healthy')).toBe(1);
  });

  it('counts restarts over starts by an update, which begin at none again', async () => {
    for (const restarts of [0, 1, 2, 0, 1]) metrics.workload({ ...rig.workload.status(), restarts });
    expect(await value('coresdk_workload_restarts_total')).toBe(3);
  });
});

describe('what is on disk', () => {
  it('is told: version, quarantine, heads', async () => {
    const ref = install(rig, '1.1.0');
    await rig.store.activate(ref);
    await rig.heads.write('stable', await signedHead({ seq: 7, epoch: 2 }));
    await rig.quarantine.add({
      digest: 'f'.repeat(64),
      version: '1.2.0',
      at: NOW,
      attempt: 'a',
      reason: RECORD,
      evidence: [],
    });
    await rig.clock.advance(60_000);
    expect(
      await value('coresdk_update_current_version_info', {
        version: '1.1.0',
        digest: ref.digest,
        origin: 'store',
      }),
    ).toBe(1);
    expect(await value('coresdk_update_quarantined_releases')).toBe(1);
    expect(await value('coresdk_update_head_seq', { channel: 'stable' })).toBe(7);
    expect(await value('coresdk_update_head_epoch', { channel: 'stable' })).toBe(2);
    expect(await value('coresdk_update_head_age_seconds', { channel: 'stable' })).toBe(60);
    expect(
      await value('coresdk_update_head_expiry_timestamp_seconds', { channel: 'stable' }),
    ).toBeGreaterThan((NOW + DAY_MS) / 1000);
    expect(await value('coresdk_update_last_success_timestamp_seconds')).toBeLessThan(NOW / 1000);
  });

  it('is read again only after a step or a command', async () => {
    let reads = 0;
    const { quarantine } = rig;
    metrics = await metricsOn({
      ...rig,
      quarantine: { ...quarantine, list: () => ((reads += 1), quarantine.list()) },
    });
    await metrics.scrape();
    await metrics.scrape();
    expect(reads).toBe(1);
    step({ phase: 'done', tookMs: 1 });
    await metrics.scrape();
    metrics.changed();
    await metrics.scrape();
    expect(reads).toBe(3);
  });

  it('stays what it was while it cannot be read, and that is told', async () => {
    const { quarantine } = rig;
    let broken = false;
    const fail = (): Promise<never> => Promise.reject(new UpdateError('STATE_DIR_UNUSABLE', 'EIO'));
    metrics = await metricsOn({
      ...rig,
      quarantine: { ...quarantine, list: () => (broken ? fail() : quarantine.list()) },
    });
    await metrics.scrape();
    broken = true;
    metrics.changed();
    expect(await value('coresdk_update_quarantined_releases')).toBe(0);
    expect(await value('coresdk_update_unreadable_total')).toBe(2);
    expect(rig.reporter.reports.at(-1)).toMatchObject({
      kind: 'warning',
      error: { code: 'STATE_DIR_UNUSABLE' },
    });
  });
});

describe('labels', () => {
  it('of versions have one series at a time', async () => {
    for (const version of ['1.1.0', '1.2.0', '1.3.0']) {
      await rig.store.activate(install(rig, version));
      metrics.changed();
      await metrics.scrape();
    }
    const infos = (await samples()).filter(({ name }) => name === 'coresdk_update_current_version_info');
    expect(infos.map(({ labels }) => labels['version'])).toEqual(['1.3.0']);
  });
});
