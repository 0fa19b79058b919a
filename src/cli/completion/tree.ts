/** What can be typed after `core`, read from the tree of commands itself, so that it cannot go stale. Pure. */
import type { Command } from 'commander';

/** What may stand in the place of a value. */
export type Values =
  | { readonly kind: 'file' }
  | { readonly kind: 'choices'; readonly choices: readonly string[] }
  | { readonly kind: 'any' };

/** An option. */
export interface OptionWords {
  /** `-n` and `--lines`, or one of them. */
  readonly flags: readonly string[];
  readonly description: string;
  /** What it takes; null for a switch. */
  readonly value: Values | null;
}

/** A command, and what may follow it. */
export interface CommandWords {
  /** From the root, without the program's name: `['sidecar', 'status']`. */
  readonly path: readonly string[];
  readonly summary: string;
  readonly commands: readonly CommandWords[];
  readonly options: readonly OptionWords[];
  /** What its arguments are, one after another; the last stands for those that follow. */
  readonly arguments: readonly Values[];
}

/** Names of values that are paths, as the help shows them: `<file>`, `<dir>`, `[bundles...]`. */
const PATHS = /file|path|dir|folder|bundle|socket|input|key|feed|trust|cert|pem/i;

function valuesOf(name: string, choices: readonly string[] | undefined): Values {
  if (choices !== undefined && choices.length > 0) return { kind: 'choices', choices };
  return PATHS.test(name) ? { kind: 'file' } : { kind: 'any' };
}

/** The first line, without the marks of Markdown. */
const firstLine = (text: string): string => (text.split('\n')[0] ?? '').replaceAll('`', '');

/**
 * Reads a tree of commands.
 *
 * @param command - its root
 * @param path - where it stands
 */
export function commandWords(command: Command, path: readonly string[] = []): CommandWords {
  const visible = command.createHelp();
  const names = visible.visibleCommands(command).filter((each) => each.name() !== 'help');
  return {
    path,
    summary: firstLine(command.summary() === '' ? command.description() : command.summary()),
    commands: names.map((each) => commandWords(each, [...path, each.name()])),
    options: visible.visibleOptions(command).map((option) => ({
      flags: [option.short, option.long].filter((flag) => typeof flag === 'string'),
      description: firstLine(option.description),
      value:
        option.required || option.optional
          ? valuesOf(/[<[]([^>\]]+)[>\]]/.exec(option.flags)?.[1] ?? '', option.argChoices)
          : null,
    })),
    arguments: command.registeredArguments.map((argument) => valuesOf(argument.name(), argument.argChoices)),
  };
}

/** A command and all below it. */
export function allCommands(command: CommandWords): CommandWords[] {
  return [command, ...command.commands.flatMap(allCommands)];
}
