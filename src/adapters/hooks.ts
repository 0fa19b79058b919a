/**
 * The operator's programs around a swap.
 *
 * Invariants:
 * - A hook that somebody else than root or the daemon's user could have written is never run.
 * - Its environment is small and fixed: nothing of systemd's, and none of the daemon's secrets, gets to it.
 */
import { homedir } from 'node:os';
import { UpdateError, type ErrorRecord } from '../errors.ts';
import type { HookFacts, HookName, Hooks } from '../services/ports.ts';
import type { VersionRef } from '../types.ts';
import { throwIfCancelled } from './disk-errors.ts';
import { runHookProcess, type HookEnd } from './hook-process.ts';
import { whyUntrusted } from './trusted-program.ts';

/** The programs; null: none. */
export interface HookSettings {
  readonly preSwap: readonly string[] | null;
  /** Run before the old version is stopped; unless told, none. */
  readonly drain?: readonly string[] | null;
  readonly postCommit: readonly string[] | null;
  readonly postRollback: readonly string[] | null;
  readonly timeoutMs: number;
  /** From SIGTERM to SIGKILL for one that takes too long, ms; 5 000 unless told. */
  readonly graceMs?: number | undefined;
}

/** EX_TEMPFAIL of sysexits.h: "try again later". */
const DEFERS = 75;
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const GRACE_MS = 5_000;
const MESSAGE_CHARACTERS = 1_000;
const LINE_CHARACTERS = 200;
const EVIDENCE_LINES = 20;

/**
 * The program of each hook by its name in the configuration.
 *
 * @example
 * hookPrograms(config.hooks).pre_swap; // ['/etc/coresdk/hooks/drain', '--wait']
 */
export function hookPrograms(
  settings: Pick<HookSettings, 'preSwap' | 'drain' | 'postCommit' | 'postRollback'>,
): Readonly<Record<HookName, readonly string[] | null>> {
  return {
    pre_swap: settings.preSwap,
    drain: settings.drain ?? null,
    post_commit: settings.postCommit,
    post_rollback: settings.postRollback,
  };
}

/** No text of an environment may hold a NUL (environ(7)). */
const plain = (text: string): string => text.replaceAll('\0', ' ').slice(0, MESSAGE_CHARACTERS);
const digestOf = (ref: VersionRef): string => (ref.origin === 'store' ? ref.digest : '');

function factsText(hook: HookName, { attempt, plan, outcome, error }: HookFacts): Record<string, string> {
  const { code, message }: ErrorRecord | { code: ''; message: '' } = error ?? { code: '', message: '' };
  return {
    CORESDK_HOOK: hook,
    CORESDK_ATTEMPT: attempt.id,
    CORESDK_TRIGGER: attempt.trigger,
    CORESDK_FROM_VERSION: plan.from.version,
    CORESDK_TO_VERSION: plan.to.version,
    CORESDK_TO_DIGEST: digestOf(plan.to),
    CORESDK_OUTCOME: outcome ?? '',
    CORESDK_ERROR_CODE: code,
    CORESDK_ERROR_MESSAGE: plain(message),
  };
}

/** The environment of a program of the operator’s, before anything is told to it. */
export function hookEnvironment(own: Readonly<NodeJS.ProcessEnv>): Record<string, string> {
  const { PATH = DEFAULT_PATH, HOME = homedir(), LANG, TZ } = own;
  return {
    PATH,
    HOME,
    ...(LANG === undefined ? {} : { LANG }),
    ...(TZ === undefined ? {} : { TZ }),
  };
}

/** The lines that a program wrote, without what would disturb a terminal. */
function linesOf(output: string): string[] {
  return output
    .split('\n')
    .map((line) =>
      line
        .replaceAll(/\p{Cc}/gu, ' ')
        .trim()
        .slice(0, LINE_CHARACTERS),
    )
    .filter((line) => line !== '');
}

function endText({ code, signal, stopped }: HookEnd, timeoutMs: number): string {
  if (stopped === 'timeout') return `found that it still ran after ${String(timeoutMs / 1000)} s`;
  return signal === null ? `found exit code ${String(code)}` : `found that ${signal} ended it`;
}

/**
 * The operator's programs around a swap, run one at a time.
 *
 * `run` rejects with `HOOK_DEFERRED` when `pre_swap` ends with 75; `HOOK_FAILED` when a hook cannot be run, is not safe to run, ends
 * otherwise but with 0, or takes longer than `timeoutMs` (then its whole process group is ended: SIGTERM, and SIGKILL after
 * `graceMs`); `CANCELLED` when the signal fires, which ends the group too. The message holds the last line that it wrote, and the
 * evidence the last lines.
 *
 * @param own - the daemon's environment, of which `PATH`, `HOME`, `LANG` and `TZ` are handed down
 * @example
 * const hooks = createHooks({ preSwap: ['/etc/coresdk/hooks/drain'], postCommit: null, postRollback: null, timeoutMs: 60_000 });
 * await hooks.run('pre_swap', { attempt, plan, outcome: null, error: null }, signal);
 */
export function createHooks(settings: HookSettings, own: Readonly<NodeJS.ProcessEnv> = process.env): Hooks {
  const { timeoutMs, graceMs = GRACE_MS } = settings;
  const programs = hookPrograms(settings);
  return {
    run: async (hook, facts, signal) => {
      const argv = programs[hook];
      if (argv === null) return;
      throwIfCancelled(signal);
      const [program = ''] = argv;
      const name = `hooks.${hook} (${program})`;
      const wrong = await whyUntrusted(program);
      if (wrong !== null) throw new UpdateError('HOOK_FAILED', `${name}: ${wrong}`);
      const env = { ...hookEnvironment(own), ...factsText(hook, facts) };
      let end: HookEnd;
      try {
        end = await runHookProcess({ argv, env, timeoutMs, graceMs }, signal);
      } catch (error) {
        throw UpdateError.from(error, 'HOOK_FAILED', `${name} could not be started`);
      }
      if (end.stopped === 'signal') throwIfCancelled(signal);
      if (end.code === 0 && end.stopped === null) return;
      const evidence = linesOf(end.output).slice(-EVIDENCE_LINES);
      const last = evidence.at(-1);
      const said = last === undefined ? '' : `: ${last}`;
      if (hook === 'pre_swap' && end.code === DEFERS && end.stopped === null)
        throw new UpdateError(
          'HOOK_DEFERRED',
          `${name} asked to put the update off (exit code ${String(DEFERS)})${said}`,
          { evidence },
        );
      throw new UpdateError(
        'HOOK_FAILED',
        `expected ${name} to end with 0, ${endText(end, timeoutMs)}${said}`,
        { evidence },
      );
    },
  };
}
