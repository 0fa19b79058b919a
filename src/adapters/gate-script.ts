/**
 * The gate in front of a program's first instruction: a shell of one line that waits for a word on a pipe and only then
 * becomes the program. `exec` keeps pid and start time, so both can be written down before the program runs.
 *
 * Invariants:
 * - The pipe closes without the word (the daemon died): the shell ends, and nothing was started.
 * - The program does not inherit the pipe.
 */

/** The file descriptor on which the shell reads the word. */
export const GATE_FD = 3;

/** What the daemon writes to open the gate. */
export const GATE_WORD = 'go\n';

/** The exit code of a shell whose gate was never opened. */
export const GATE_CLOSED_EXIT = 125;

const SCRIPT = `IFS= read -r word <&3 && [ "$word" = go ] || exit ${String(GATE_CLOSED_EXIT)}; exec 3<&-; exec "$@"`;

const COMMAND = ['/bin/sh', '-c', SCRIPT] as const;

/**
 * The command that holds a program at the gate.
 *
 * @param argv - the program and its arguments; handed over as they are, never parsed by the shell
 */
export function gated(argv: readonly string[]): { file: string; args: string[] } {
  const [file, ...args] = COMMAND;
  return { file, args: [...args, 'sh', ...argv] };
}

/**
 * Whether a process still is the shell at the gate, rather than the program.
 *
 * @param commandLine - the content of `/proc/<pid>/cmdline`
 */
export function isAtGate(commandLine: string): boolean {
  return commandLine.startsWith(`${COMMAND.join('\0')}\0`);
}
