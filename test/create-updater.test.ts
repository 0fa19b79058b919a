import { access, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import {
  createControlClient,
  createUpdater,
  resolveConfig,
  UpdateError,
  type Adapters,
  type ConfigFile,
  type EmbeddedUpdater,
  type StateName,
  type UpdaterLogger,
} from '../src/index.ts';
import { createFakeWorkload } from './fakes/workload.ts';
import { createScriptedProbe } from './fakes/scripted-probe.ts';
import { testKeys } from './fixtures/keys.ts';
import { startCollector } from './daemon/trace-collector.ts';
import { trustingRig } from './services/head-fixture.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'coresdk-embed-'));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

const refusal = async (work: Promise<unknown>): Promise<UpdateError> => {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error instanceof UpdateError) return error;
  throw new Error('expected an UpdateError', { cause: error });
};
const settings = (more: ConfigFile = {}): ConfigFile => ({
  state_dir: join(root, 'state'),
  update: { channel: 'manual' },
  ...more,
});
const own = (): Pick<Adapters, 'workload' | 'probe'> => ({
  workload: createFakeWorkload(),
  probe: createScriptedProbe(200),
});
const make = (
  more: Partial<Parameters<typeof createUpdater>[1]> = {},
  file = settings(),
): Promise<EmbeddedUpdater> =>
  createUpdater(file, { trust: null, version: '1.0.0', adapters: own(), env: {}, ...more });

describe('the configuration', () => {
  it('is checked by the schema of the file', async () => {
    const wrong = { ...settings(), update: { chanel: 'edge' } } as ConfigFile;
    const error = await refusal(make({}, wrong));
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toContain('unknown key update.chanel');
  });

  it('is the environment’s where it says something, unless no environment is wanted', async () => {
    const env = { CORESDK_UPDATE_DISABLED: '1', CORESDK_UPDATE_CHANNEL: 'edge' };
    await using obeying = await make({ env });
    expect(obeying.settings.update).toMatchObject({ channel: 'edge', disabled: true });
    await using alone = await make({}, settings({ state_dir: join(root, 'other') }));
    expect(alone.settings.update).toMatchObject({ channel: 'manual', disabled: false });
  });

  it('may be a complete one', async () => {
    const { config } = resolveConfig(settings({ probe: { interval: 7 } }), { env: {} });
    await using updater = await createUpdater(config, { trust: null, version: '1.0.0', adapters: own() });
    expect(updater.settings.probe.intervalMs).toBe(7_000);
  });

  it('names a program to run, for the embedder is not run as its own workload', async () => {
    const error = await refusal(make({ adapters: {} }));
    expect(error).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('workload.binary'),
    });
    expect(await readdir(root)).toEqual([]);
  });
});

describe('its life', () => {
  it('starts the workload, tells of it, and stops it', async () => {
    const adapters = own();
    const updater = await make({ adapters });
    expect(adapters.workload.status().state).toBe('stopped');
    await updater.start();
    expect((await updater.status()).current).toEqual({ version: '1.0.0', digest: null });
    expect(adapters.workload.status().state).toBe('running');
    await updater.stop();
    await updater.stop();
    expect(adapters.workload.status().state).toBe('stopped');
  });

  it('takes no signal and leaves no handler', async () => {
    const handlers = (): number =>
      ['SIGTERM', 'SIGINT', 'exit', 'uncaughtException', 'unhandledRejection'].reduce(
        (sum, name) => sum + process.listenerCount(name),
        0,
      );
    const before = handlers();
    await using updater = await make({ processMetrics: true });
    await updater.start();
    await updater.metrics();
    expect(handlers()).toBe(before);
  });

  it('holds the lock of the state directory, and frees it', async () => {
    const first = await make();
    expect((await refusal(make())).code).toBe('ALREADY_RUNNING');
    await first.stop();
    await (await make()).stop();
  });

  it('frees the lock too where it cannot be opened', async () => {
    const file = settings({ control: { socket: join(root, 'none', 'control.sock') } });
    expect((await refusal(make({ control: true }, file))).code).toBe('CONFIG_INVALID');
    await (await make()).stop();
  });

  it('cannot be started once it was stopped', async () => {
    const updater = await make();
    await updater.stop();
    expect((await refusal(updater.start())).code).toBe('CANCELLED');
  });
});

describe('adapters', () => {
  it('that are all given leave the disk alone: no state directory is made', async () => {
    const { reporter: _, calls: __, ...rig } = await trustingRig();
    await using updater = await make({ adapters: rig });
    await updater.start();
    expect((await updater.status()).current.version).toBe('0.9.0');
    expect(await readdir(root)).toEqual([]);
  });

  it('of one port leave the others real', async () => {
    await using updater = await make();
    await updater.start();
    expect(await readdir(join(root, 'state'))).toContain('state.db');
  });
});

describe('attempts', () => {
  it('are waited for by their id', async () => {
    const { trustContent: trust } = await testKeys();
    await using updater = await make({ trust });
    await updater.start();
    const id = await updater.apply(join(root, 'none.jws'));
    const { ended } = await updater.outcome(id);
    expect(ended).toMatchObject({ outcome: 'error', error: { code: 'BUNDLE_NOT_FOUND' } });
    // And once more, when it has ended long ago.
    expect((await updater.outcome(id)).ended?.outcome).toBe('error');
  });

  it('that are unknown, or cut short by a stop, are not waited for', async () => {
    const { trustContent: trust } = await testKeys();
    const updater = await make({ trust });
    await updater.start();
    expect((await refusal(updater.outcome('none'))).code).toBe('ATTEMPT_NOT_FOUND');
    const cut = updater.outcome(await updater.apply('/dev/zero'));
    const [error] = await Promise.all([refusal(cut), updater.stop()]);
    expect(error.code).toBe('CANCELLED');
  });
});

describe('events', () => {
  it('have the type of their kind', async () => {
    await using updater = await make();
    const states: StateName[] = [];
    const end = updater.on('state', (event) => {
      expectTypeOf(event.state).toEqualTypeOf<StateName>();
      // @ts-expect-error a state event tells no progress
      expectTypeOf(event.progress).toBeNever();
      states.push(event.state);
    });
    await updater.start();
    expect(states).toEqual(['recovering', 'idle']);
    end();
    await updater.pause(null);
    expect(states).toHaveLength(2);
    // @ts-expect-error no such kind
    updater.on('stat', () => {})();
  });

  it('go on after a listener that throws, and that is logged', async () => {
    const lines: unknown[] = [];
    const logger: UpdaterLogger = {
      debug: () => {},
      info: () => {},
      warn: () => {},
      fatal: () => {},
      isLevelEnabled: () => true,
      error: (...line: unknown[]) => lines.push(line),
    } as UpdaterLogger;
    await using updater = await make({ logger });
    let heard = 0;
    updater.on('state', () => {
      heard += 1;
      throw new Error('a fault of the embedder');
    });
    await updater.start();
    expect(heard).toBe(2);
    expect(lines).toContainEqual([expect.anything(), 'a listener for state threw']);
  });

  it('tell the lines of the log, though no logger is given', async () => {
    await using updater = await make();
    const lines: string[] = [];
    updater.on('log', ({ line }) => lines.push(line.message));
    await updater.start();
    expect(lines).toContain('entered recovering');
  });
});

describe('on request', () => {
  it('the control socket is opened, and not else', async () => {
    const socket = join(root, 'control.sock');
    const file = settings({ control: { socket } });
    await (await make({}, file)).stop();
    await expect(access(socket)).rejects.toThrow();
    await using updater = await make({ control: true }, file);
    await updater.start();
    expect((await createControlClient({ socket }).status()).state).toBe('idle');
  });

  it('attempts are traced', async () => {
    await using collector = await startCollector();
    const before = process.env['OTEL_EXPORTER_OTLP_ENDPOINT'];
    process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = collector.url;
    try {
      const { trustContent: trust } = await testKeys();
      const updater = await make({ trust, tracing: true });
      await updater.start();
      await updater.outcome(await updater.apply(join(root, 'none.jws')));
      await updater.stop();
    } finally {
      if (before === undefined) delete process.env['OTEL_EXPORTER_OTLP_ENDPOINT'];
      else process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = before;
    }
    expect(collector.spans.map(({ name }) => name).sort()).toEqual(['attempt', 'downloading']);
  });

  it('metrics are told', async () => {
    await using updater = await make();
    await updater.start();
    const { body } = await updater.metrics();
    expect(body).toContain('coresdk_update_state{state="idle"} 1');
    expect(body).toContain('coresdk_update_paused 0');
    expect(body).not.toContain('process_cpu');
    await updater.pause(null);
    expect((await updater.metrics()).body).toContain('coresdk_update_paused 1');
    await updater.resume();
    expect((await updater.metrics()).body).toContain('coresdk_update_paused 0');
  });
});
