import { describe, expect, it } from 'vitest';
import { parseTimeSpan } from '../../src/doctor/systemd.ts';
import { finding, GOOD_UNIT, inWard, SERVICE } from './patient-fixture.ts';

const unit = (change: Record<string, string>) => (): Promise<ReadonlyMap<string, string>> =>
  Promise.resolve(new Map(Object.entries({ ...GOOD_UNIT, ...change })));

describe('a systemd unit', () => {
  it.each([
    ['restart', { Restart: 'no' }, 'warn: expected Restart=on-failure or always, found Restart=no'],
    [
      'start_limit',
      { StartLimitBurst: '2', StartLimitIntervalUSec: '1min' },
      'fail: expected systemd to allow 4 starts, which the way back from an update may need, found StartLimitBurst=2 in StartLimitIntervalSec=60 s',
    ],
    // Two starts of 5 s each in 10 s: the limit is never met.
    ['start_limit', { StartLimitBurst: '2', StartLimitIntervalUSec: '10s' }, 'pass: '],
    ['start_limit', { StartLimitBurst: '5', StartLimitIntervalUSec: '1min' }, 'pass: '],
    [
      'stop_timeout',
      { TimeoutStopUSec: '10s' },
      'fail: expected TimeoutStopSec of at least 20 s (workload.stop_timeout and 10 s more), found 10 s',
    ],
    ['stop_timeout', { TimeoutStopUSec: 'infinity' }, 'pass: TimeoutStopSec=infinity'],
    ['watchdog', { WatchdogUSec: '2s' }, 'warn: expected WatchdogSec of at least 10 s, found 2 s'],
    ['watchdog', { WatchdogUSec: '0' }, 'pass: there is no watchdog'],
    ['kill_mode', { KillMode: 'process' }, 'warn: expected KillMode=mixed or control-group, found process'],
    ['kill_mode', { LoadState: 'not-found' }, 'skip: '],
    ['watchdog', { WatchdogUSec: 'soon' }, 'fail: expected a time span for WatchdogUSec, found "soon"'],
  ])('is judged by systemd.%s of %j', (name, change, expected) =>
    inWard(async ({ examine: look }) => {
      const report = await look({ env: SERVICE }, { showUnit: unit(change) });
      expect(finding(report, `systemd.${name}`)).toContain(expected);
    }),
  );

  it('is not asked about by a daemon that is no service, and asked about once otherwise', () =>
    inWard(async ({ examine: look }) => {
      const asked: string[] = [];
      const showUnit = (name: string): Promise<null> => {
        asked.push(name);
        return Promise.resolve(null);
      };
      const report = await look({}, { showUnit });
      expect(finding(report, 'systemd.restart')).toContain('skip: ');
      expect(asked).toEqual([]);
      await look({ inside: null }, { showUnit });
      expect(asked).toEqual(['coresdk-sidecar.service']);
    }));
});

it.each([
  ['0', 0],
  ['5s', 5_000],
  ['1min 30s', 90_000],
  ['100ms', 100],
  ['1h 2min 3.500s', 3_723_500],
  ['250us', 0.25],
  ['infinity', Infinity],
  ['soon', null],
  ['', null],
])('the time span %j is %j ms', (text, expected) => {
  expect(parseTimeSpan(text)).toBe(expected);
});
