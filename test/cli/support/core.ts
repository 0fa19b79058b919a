import { runCli, type CliDeps, type Output } from '../../../src/cli/run.ts';
import type { Embedded } from '../../../src/embedded.ts';
import { startControl, type ControlFixture } from '../../control/support/control-fixture.ts';
import { NOW } from '../../control/support/samples.ts';
import type { Script } from '../../control/support/scripted-api.ts';

/** A stream that remembers what was written. */
export interface Captured extends Output {
  text: string;
}

/** A captured stream; a terminal of 80 columns when told. */
export function captured(isTTY = false): Captured {
  return {
    text: '',
    isTTY,
    columns: 80,
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
  deps: Partial<CliDeps> & { readonly tty?: boolean } = {},
): Promise<CliRun> {
  const { tty = false, ...rest } = deps;
  const stdout = captured(tty);
  const stderr = captured(tty);
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

/** Runs `core sidecar …` against a real server over a scripted daemon. */
export async function coreWithDaemon(
  argv: readonly string[],
  script: Script = {},
  deps: Parameters<typeof core>[1] = {},
): Promise<CliRun & Pick<ControlFixture, 'api'>> {
  const { socket, api } = await startControl(script);
  return { ...(await core(['sidecar', ...argv, '--socket', socket], deps)), api };
}
