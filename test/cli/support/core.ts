import { runCli, type CliDeps, type Output } from '../../../src/cli/run.ts';
import type { Embedded } from '../../../src/embedded.ts';
import { NOW } from '../../control/support/samples.ts';
import { fakeClient, type FakeClient, type Script } from './fake-client.ts';

/** A stream that remembers what was written. */
export interface Captured extends Output {
  text: string;
}

/** A captured stream; a terminal of 80 columns when told. */
export function captured(isTTY = false, columns = 80): Captured {
  return {
    text: '',
    isTTY,
    columns,
    rows: 24,
    write(text) {
      this.text += text;
    },
  };
}

/** What a run of the CLI gave. */
export interface CliRun {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

/** A program that was built without keys. */
export const EMBEDDED: Embedded = {
  version: '1.0.0',
  commit: 'abc1234',
  builtFrom: 0,
  trust: null,
  feedUrl: null,
};

/** Runs the CLI in this process, on a host (not Kubernetes), at the samples' time. */
export async function core(
  argv: readonly string[],
  deps: Partial<CliDeps> & { readonly tty?: boolean; readonly columns?: number } = {},
): Promise<CliRun> {
  const { tty = false, columns = 80, ...rest } = deps;
  const stdout = captured(tty, columns);
  const stderr = captured(tty, columns);
  const env = { CORESDK_RUNTIME: 'host' };
  const exit = await runCli(argv, {
    env,
    stdout,
    stderr,
    embedded: EMBEDDED,
    now: () => NOW,
    pollMs: 1,
    ...rest,
  });
  return { exit, out: stdout.text, err: stderr.text };
}

/** Runs `core sidecar …` with a client that answers what the script says. */
export async function coreWithDaemon(
  argv: readonly string[],
  script: Script = {},
  deps: Parameters<typeof core>[1] = {},
): Promise<CliRun & { readonly api: FakeClient }> {
  const api = fakeClient(script);
  const run = await core(['sidecar', ...argv, '--socket', '/run/nobody.sock'], {
    createClient: () => api,
    ...deps,
  });
  return { ...run, api };
}
