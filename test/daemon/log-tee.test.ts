import { pino } from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import type { LogView } from '../../src/control/api.ts';
import { teeLog, type LineLogger } from '../../src/daemon/log-tee.ts';

let written: Record<string, unknown>[];
let told: LogView[];
beforeEach(() => {
  written = [];
  told = [];
});
const logger = (level: string): LineLogger =>
  teeLog(
    pino(
      { level, base: null, timestamp: false },
      { write: (line: string) => void written.push(JSON.parse(line) as Record<string, unknown>) },
    ),
    () => 0,
    (line) => told.push(line),
  );
const line = (change: Partial<LogView>): LogView => ({
  at: '1970-01-01T00:00:00.000Z',
  level: 'info',
  message: '',
  attempt: null,
  code: null,
  ...change,
});

describe('a line of the log', () => {
  it('is written as it is, and told', () => {
    logger('info').info('the workload runs');
    expect(written).toEqual([{ level: 30, msg: 'the workload runs' }]);
    expect(told).toEqual([line({ message: 'the workload runs' })]);
  });

  it('is told with its attempt and its code, and with nothing else that it holds', () => {
    const token = 'Bearer secret';
    logger('info').warn({ attempt: 'a-1', code: 'DISK_FULL', token, url: '/x?key=secret' }, 'no space');
    expect(written).toEqual([
      { level: 40, attempt: 'a-1', code: 'DISK_FULL', token, url: '/x?key=secret', msg: 'no space' },
    ]);
    expect(told).toEqual([line({ level: 'warn', message: 'no space', attempt: 'a-1', code: 'DISK_FULL' })]);
    expect(JSON.stringify(told)).not.toContain('secret');
  });

  it('is told without what is no attempt and no code of the table', () => {
    logger('info').error({ attempt: 7, code: 'ENOENT' }, 'gone');
    logger('info').error({ code: 'toString' }, 'gone');
    expect(told.map(({ attempt, code }) => [attempt, code])).toEqual([
      [null, null],
      [null, null],
    ]);
  });

  it('is told with an empty message where it has none', () => {
    logger('info').info({ attempt: 'a-1' });
    expect(told).toEqual([line({ attempt: 'a-1' })]);
    expect(written).toEqual([{ level: 30, attempt: 'a-1' }]);
  });

  it.each(['debug', 'info', 'warn', 'error', 'fatal'] as const)('is told at the level %s', (level) => {
    logger('debug')[level]('x');
    expect(told).toMatchObject([{ level }]);
  });

  it('that the level keeps back is neither written nor told', () => {
    logger('warn').info('x');
    logger('silent').fatal('x');
    expect([written, told]).toEqual([[], []]);
  });
});
