/** A patient who is well: a real state directory, and fakes for everything else. */
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openStateDir } from '../../src/adapters/state-dir.ts';
import { loadConfig, type Config } from '../../src/config/index.ts';
import type { DoctorReport } from '../../src/control/api.ts';
import { examine, type ExamineOptions } from '../../src/doctor/examine.ts';
import type { Patient } from '../../src/doctor/patient.ts';
import { inFolder } from '../adapters/state-fixture.ts';
import { EMBEDDED } from '../cli/support/core.ts';
import { serve, trustingRig } from '../services/head-fixture.ts';
import { NEVER, type Rig } from '../services/rig.ts';

/** A patient, and what a test changes of it. */
export interface Ward {
  readonly rig: Rig;
  readonly stateDir: string;
  readonly folder: string;
  /** A copy with changes; sections of the configuration are put over its own. */
  readonly patient: (change?: Change) => Patient;
  readonly examine: (change?: Change, options?: ExamineOptions) => Promise<DoctorReport>;
}

type Sections = { readonly [Name in keyof Config]?: Partial<Config[Name]> };

/** What is other than well. */
export interface Change extends Partial<Omit<Patient, 'config' | 'ports' | 'inside'>> {
  readonly config?: Sections;
  readonly ports?: Partial<Patient['ports']>;
  readonly inside?: Partial<NonNullable<Patient['inside']>> | null;
}

/** What systemd says of a unit that lets an update and a rollback come to an end. */
export const GOOD_UNIT: Readonly<Record<string, string>> = {
  LoadState: 'loaded',
  Restart: 'on-failure',
  RestartUSec: '5s',
  StartLimitBurst: '5',
  StartLimitIntervalUSec: '0',
  TimeoutStopUSec: '1min 30s',
  WatchdogUSec: '30s',
  KillMode: 'mixed',
};

/** The environment of a systemd service. */
export const SERVICE = { INVOCATION_ID: 'x', PATH: '/usr/bin:/bin' };

/** Runs `body` with a patient who is well, on stable, whose workload runs and whose feed names 1.1.0. */
export async function inWard(body: (ward: Ward) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const { root: stateDir } = await openStateDir(join(folder, 'state'));
    const program = join(folder, 'sidecar');
    await writeFile(program, '#!/bin/sh\n');
    await chmod(program, 0o755);
    const { config } = await loadConfig({
      path: join(folder, 'none.yaml'),
      explicit: false,
      env: { CORESDK_RUNTIME: 'host' },
    });
    const rig = await trustingRig();
    await serve(rig, { version: '1.1.0' });
    await rig.workload.start({ ref: rig.store.baseline, entry: program }, NEVER);
    rig.probe.script = [200];
    const patient = (change: Change = {}): Patient => {
      const merged: Record<string, unknown> = { ...config, stateDir };
      for (const [name, value] of Object.entries(change.config ?? {}))
        merged[name] = typeof value === 'object' ? { ...(merged[name] as object), ...value } : value;
      return {
        embedded: EMBEDDED,
        program,
        disabled: null,
        env: { PATH: '/usr/bin:/bin' },
        ...change,
        config: merged as unknown as Config,
        ports: { ...rig, ...change.ports },
        inside: change.inside === null ? null : { ports: rig, paused: null, waiting: null, ...change.inside },
      };
    };
    const showUnit = (): Promise<ReadonlyMap<string, string>> =>
      Promise.resolve(new Map(Object.entries(GOOD_UNIT)));
    await body({
      rig,
      stateDir,
      folder,
      patient,
      examine: (change, options) => examine(patient(change), { showUnit, ...options }),
    });
  });
}

/** What a report says of one thing. */
export function finding(report: DoctorReport, name: string): string {
  const found = report.checks.find((check) => check.name === name);
  return found === undefined ? `no check ${name}` : `${found.result}: ${found.message}`;
}
