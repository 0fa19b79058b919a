/**
 * The gate in front of a program's first instruction: a shell of one line that waits for a word on a pipe and only then
 * becomes the program. `exec` keeps pid and start time, so both can be written down before the program runs.
 *
 * Invariants:
 * - The pipe closes without the word (the daemon died): the shell ends, and nothing was started.
 * - The program does not inherit the pipe.
 */

/** What the daemon writes to open the gate. */
export const GATE_WORD = 'go\n';

/** The exit code of a shell whose gate was never opened. */
export const GATE_CLOSED_EXIT = 125;

const OPENED = `[ "$word" = go ] || exit ${String(GATE_CLOSED_EXIT)}`;

const COMMAND = ['/bin/sh', '-c', `IFS= read -r word <&3 && ${OPENED}; exec 3<&-; exec "$@"`] as const;

/**
 * With listening sockets at 3 and on, the pipe is stdin, since a shell need not know numbers over 9. Only the shell knows the pid that
 * the program will have, which the convention asks for (sd_listen_fds(3)).
 */
const COMMAND_WITH_SOCKETS = [
  '/bin/sh',
  '-c',
  `IFS= read -r word && ${OPENED}; export LISTEN_PID=$$; exec "$@" </dev/null`,
] as const;

/** A program that is held at the gate. */
export interface Gated {
  readonly file: string;
  readonly args: string[];
  /** The file descriptor on which the shell reads the word. */
  readonly gateFd: number;
}

/**
 * The command that holds a program at the gate.
 *
 * @param argv - the program and its arguments; handed over as they are, never parsed by the shell
 * @param sockets - whether descriptors from 3 on are listening sockets that the program takes
 */
export function gated(argv: readonly string[], sockets = false): Gated {
  const [file, ...args] = sockets ? COMMAND_WITH_SOCKETS : COMMAND;
  return { file, args: [...args, 'sh', ...argv], gateFd: sockets ? 0 : 3 };
}

/**
 * Whether a process still is the shell at the gate, rather than the program.
 *
 * @param commandLine - the content of `/proc/<pid>/cmdline`
 */
export function isAtGate(commandLine: string): boolean {
  return [COMMAND, COMMAND_WITH_SOCKETS].some((command) => commandLine.startsWith(`${command.join('\0')}\0`));
}
