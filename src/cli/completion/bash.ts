/**
 * Completion for bash 4 and later (bash manual, section 8.6). Pure.
 *
 * Invariant: words reach the script only in single quotes, so that no description can become code.
 */
import { allCommands, type CommandWords, type Values } from './tree.ts';

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** How a value is completed: `file`, nothing, or the choices. */
function valueText(values: Values | undefined): string {
  if (values === undefined || values.kind === 'any') return quoted('');
  return quoted(values.kind === 'file' ? '<file>' : values.choices.join(' '));
}

function commandCase(command: CommandWords): string {
  const { path, commands, options, arguments: values } = command;
  const last = values.at(-1);
  return [
    `    ${quoted(path.join(' '))})`,
    `      commands=${quoted(commands.map((each) => each.path.at(-1) ?? '').join(' '))}`,
    `      options=${quoted(options.flatMap(({ flags }) => flags).join(' '))}`,
    `      argument=${valueText(last)}`,
    '      ;;',
  ].join('\n');
}

function valueCases(command: CommandWords): string[] {
  return command.options.flatMap(({ flags, value }) =>
    value === null
      ? []
      : flags.map(
          (flag) => `    ${quoted(`${command.path.join(' ')} ${flag}`.trim())}) value=${valueText(value)} ;;`,
        ),
  );
}

/**
 * The script for bash; `source <(core completion bash)` takes it in.
 *
 * @param root - what can be typed
 * @param program - the name that is completed
 */
export function bashCompletion(root: CommandWords, program = 'core'): string {
  const all = allCommands(root);
  return `# bash completion for ${program}; made by \`${program} completion bash\`
_${program}_words() {
  case "$1" in
${all.map(commandCase).join('\n')}
  esac
}

# Sets value to what the option takes; without one it takes nothing, and value stays unset.
_${program}_value() {
  case "$1" in
${all.flatMap(valueCases).join('\n')}
  esac
}

_${program}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path='' commands='' options='' argument='' value word index found=''
  COMPREPLY=()
  _${program}_words ''
  for ((index = 1; index < COMP_CWORD; index++)); do
    word="\${COMP_WORDS[index]}"
    unset value
    _${program}_value "\${path:+$path }$word"
    if [[ -n "\${value+set}" ]]; then
      # The value of this option is being typed, or stands after it. \`=\` is a word of its own here.
      [[ "\${COMP_WORDS[index + 1]-}" == '=' && index -lt $((COMP_CWORD - 1)) ]] && index=$((index + 1))
      if ((index + 1 == COMP_CWORD)); then
        found=value
        break
      fi
      index=$((index + 1))
    elif [[ " $commands " == *" $word "* ]]; then
      path="\${path:+$path }$word"
      _${program}_words "$path"
    fi
  done
  [[ "$found" == value ]] || value="$argument"
  [[ "$current" == '=' ]] && current=''
  if [[ "$found" != value && "$current" == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  elif [[ "$found" != value && -n "$commands" ]]; then
    COMPREPLY=($(compgen -W "$commands" -- "$current"))
  elif [[ "$value" == '<file>' ]]; then
    # Names with blanks are one word each; bash quotes them.
    local IFS=$'\\n'
    compopt -o filenames 2>/dev/null || true
    COMPREPLY=($(compgen -f -- "$current"))
  elif [[ -n "$value" ]]; then
    COMPREPLY=($(compgen -W "$value" -- "$current"))
  fi
}

complete -F _${program} ${program}
`;
}
