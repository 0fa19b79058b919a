import { UpdateError } from '../errors.ts';
import { plain } from './plain.ts';

/** What an error line is made of; an `UpdateError` or an error of the control API. */
export interface Complaint {
  readonly code: string;
  readonly message: string;
  readonly next: string;
}

/** One line: what was expected and found, the code, and what to do next. */
export function errorLine({ code, message, next }: Complaint): string {
  const facts = message.split('\n').map(plain);
  return `error: ${facts.filter((fact) => fact !== '').join('; ')} [${code}]: ${plain(next)}`;
}

/**
 * What is written to stderr for whatever was thrown: one line; for a fault of this program a stack trace after it.
 *
 * @param thrown - an `UpdateError`, or anything else, which is a bug
 */
export function complaint(thrown: unknown): string {
  const error = UpdateError.from(thrown);
  const { code, message } = error;
  if (code !== 'INTERNAL') return `${errorLine({ code, message, next: error.info.next })}\n`;
  const stack = thrown instanceof Error ? (thrown.stack ?? '') : '';
  return `${errorLine({ code, message, next: 'this is a bug; report it with what follows' })}\n${stack}\n`;
}
