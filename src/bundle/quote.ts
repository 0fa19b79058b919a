import type { z } from 'zod';

/**
 * Text of unknown origin, made fit for a message: quoted, printable ASCII only, at most 64 characters.
 *
 * @example
 * quote('a\nb'); // "a\nb", with the line feed escaped
 */
export function quote(text: string): string {
  const cut = text.length > 64 ? `${text.slice(0, 64)}…` : text;
  return JSON.stringify(cut).replace(/[^\x20-\x7e…]/g, '?');
}

/** The first fault that zod found, with the path to it: `files.0.mode: Invalid input`. */
export function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return 'unknown fault';
  const path = issue.path.map(String).join('.');
  return `${path === '' ? '' : `${path}: `}${issue.message}`.replace(/[^\x20-\x7e]/g, '?').slice(0, 300);
}
