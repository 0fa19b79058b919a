/**
 * Completion for fish 3 and later (fish documentation, `complete`). Pure.
 *
 * Invariant: words reach the script only in single quotes, so that no description can become code.
 */
import { allCommands, type CommandWords, type OptionWords, type Values } from './tree.ts';

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

function valueFlags(values: Values | null): string {
  if (values === null) return '';
  if (values.kind === 'file') return ' -r -F';
  return values.kind === 'choices' ? ` -x -a ${quoted(values.choices.join(' '))}` : ' -x';
}

function optionLine(program: string, at: string, { flags, description, value }: OptionWords): string {
  const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  return `complete -c ${program} -n ${at} ${names.join(' ')} -d ${quoted(description)}${valueFlags(value)}`;
}

function commandLines(program: string, command: CommandWords): string[] {
  const at = quoted(`__${program}_at ${command.path.join(' ')}`.trim());
  const last = command.arguments.at(-1);
  return [
    ...command.commands.map(
      ({ path, summary }) =>
        `complete -c ${program} -n ${at} -a ${quoted(path.at(-1) ?? '')} -d ${quoted(summary)}`,
    ),
    ...command.options.map((option) => optionLine(program, at, option)),
    ...(last?.kind === 'file' ? [`complete -c ${program} -n ${at} -F`] : []),
    ...(last?.kind === 'choices'
      ? [`complete -c ${program} -n ${at} -a ${quoted(last.choices.join(' '))}`]
      : []),
  ];
}

/**
 * The script for fish; `core completion fish | source` takes it in.
 *
 * @param root - what can be typed
 * @param program - the name that is completed
 */
export function fishCompletion(root: CommandWords, program = 'core'): string {
  const all = allCommands(root);
  const paths = all.map(({ path }) => path.join(' ')).filter((path) => path !== '');
  const takes = all.flatMap(({ path, options }) =>
    options.flatMap(({ flags, value }) =>
      value === null ? [] : flags.map((flag) => [...path, flag].join(' ')),
    ),
  );
  return `# fish completion for ${program}; made by \`${program} completion fish\`
set -g __${program}_paths ${paths.map(quoted).join(' ')}
set -g __${program}_takes ${takes.map(quoted).join(' ')}

# Whether the words so far name exactly this command.
function __${program}_at
    set -l path
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        if contains -- (string join ' ' $path $word) $__${program}_takes
            set skip 1
        else if contains -- (string join ' ' $path $word) $__${program}_paths
            set path $path $word
        end
    end
    test (string join ' ' x $path) = (string join ' ' x $argv)
end

complete -c ${program} -f
${all.flatMap((command) => commandLines(program, command)).join('\n')}
`;
}
