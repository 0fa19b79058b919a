/**
 * Completion for zsh 5 and later (zsh manual, "Completion System"). Pure.
 *
 * Invariants: no variable has the name of one that zsh itself gives (`commands`, `options`, `path`, `words`); words reach the script
 * only in single quotes, so that no description can become code.
 */
import { allCommands, type CommandWords, type Values } from './tree.ts';

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
/** `_describe` splits at the first colon that is not escaped. */
const described = (word: string, text: string): string =>
  quoted(`${word.replaceAll('\\', '\\\\').replaceAll(':', '\\:')}:${text}`);

function valueText(values: Values | undefined): string {
  if (values === undefined || values.kind === 'any') return quoted('');
  return quoted(values.kind === 'file' ? '<file>' : values.choices.join(' '));
}

function commandCase({ path, commands, options, arguments: values }: CommandWords): string {
  return [
    `    ${quoted(path.join(' '))})`,
    `      subcommands=(${commands.map((each) => described(each.path.at(-1) ?? '', each.summary)).join(' ')})`,
    `      switches=(${options.flatMap(({ flags, description }) => flags.map((flag) => described(flag, description))).join(' ')})`,
    `      argument=${valueText(values.at(-1))}`,
    '      ;;',
  ].join('\n');
}

function valueCases({ path, options }: CommandWords): string[] {
  return options.flatMap(({ flags, value }) =>
    value === null
      ? []
      : flags.map(
          (flag) => `    ${quoted([...path, flag].join(' '))}) value=${valueText(value)}; takes=1 ;;`,
        ),
  );
}

/**
 * The script for zsh; saved as `_core` in a folder of `$fpath`, or taken in by `source <(core completion zsh)` after `compinit`.
 *
 * @param root - what can be typed
 * @param program - the name that is completed
 */
export function zshCompletion(root: CommandWords, program = 'core'): string {
  const all = allCommands(root);
  return `#compdef ${program}
# zsh completion for ${program}; made by \`${program} completion zsh\`
_${program}_words() {
  case "$1" in
${all.map(commandCase).join('\n')}
  esac
}

_${program}_value() {
  case "$1" in
${all.flatMap(valueCases).join('\n')}
  esac
}

_${program}() {
  local typed argument='' value='' name
  local -i index takes=0
  local -a path_so_far subcommands switches
  _${program}_words ''
  for ((index = 2; index < CURRENT; index++)); do
    typed="\${words[index]}"
    takes=0
    value=''
    _${program}_value "\${(j: :)\${(@)path_so_far}}\${path_so_far:+ }$typed"
    if ((takes)); then
      ((index + 1 == CURRENT)) && break
      takes=0
      index=$((index + 1))
      continue
    fi
    for name in "\${(@)subcommands%%:*}"; do
      [[ "$name" == "$typed" ]] || continue
      path_so_far+=("$typed")
      _${program}_words "\${(j: :)path_so_far}"
      break
    done
  done
  ((takes)) || value="$argument"
  if ((!takes)) && [[ "\${words[CURRENT]}" == -* ]]; then
    _describe -o option switches
  elif ((!takes)) && ((\${#subcommands} > 0)); then
    _describe command subcommands
  elif [[ "$value" == '<file>' ]]; then
    _files
  elif [[ -n "$value" ]]; then
    compadd -- \${=value}
  fi
}

if [[ "\${funcstack[1]}" == _${program} ]]; then
  _${program} "$@"
else
  compdef _${program} ${program}
fi
`;
}
