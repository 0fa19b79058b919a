import { UpdateError } from '../errors.ts';
import type { HookFacts, HookName, Ports } from './ports.ts';

/**
 * Runs a hook that comes after the fact: what happened has happened, so a hook that fails is a warning and nothing more.
 *
 * @param signal - ends the hook; that is no warning, since whoever runs next runs it again
 */
export async function runAfterwards(
  { hooks, reporter }: Pick<Ports, 'hooks' | 'reporter'>,
  hook: Exclude<HookName, 'pre_swap'>,
  facts: HookFacts,
  signal: AbortSignal,
): Promise<void> {
  try {
    await hooks.run(hook, facts, signal);
  } catch (error) {
    if (!signal.aborted) reporter.report({ kind: 'warning', error: UpdateError.from(error).toRecord() });
  }
}
