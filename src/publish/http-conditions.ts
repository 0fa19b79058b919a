/** The headers by which a client asks for less than a whole file (RFC 9110 sections 13 and 14). Pure. */
import type { IncomingHttpHeaders } from 'node:http';

/** What is known of the file. */
export interface Representation {
  readonly size: number;
  /** Strong, in quotes. */
  readonly etag: string;
  /** Whole seconds, ms since 1970. */
  readonly modified: number;
}

/** What a client gets: all of it, bytes `start` to `end` inclusive, nothing because it has it, or a refusal. */
export type Selection =
  | { readonly status: 200 }
  | { readonly status: 206; readonly start: number; readonly end: number }
  | { readonly status: 304 }
  | { readonly status: 416 };

/**
 * Decides by the request's headers, in the order of RFC 9110 section 13.2.2. Several ranges at once, and anything that is no byte
 * range, give the whole file, as a server may (section 14.2).
 *
 * @param method - a range is for GET alone
 */
export function select(method: string, headers: IncomingHttpHeaders, file: Representation): Selection {
  if (isFresh(headers, file)) return { status: 304 };
  const { range } = headers;
  if (method !== 'GET' || range === undefined || !mayResume(headers['if-range']?.toString(), file))
    return { status: 200 };
  return rangeOf(range, file.size);
}

function isFresh(headers: IncomingHttpHeaders, file: Representation): boolean {
  const known = headers['if-none-match'];
  if (known !== undefined)
    // Weak comparison (section 13.1.2). Our own tags hold no comma.
    return (
      known.trim() === '*' || known.split(',').some((tag) => tag.trim().replace(/^W\//, '') === file.etag)
    );
  const since = headers['if-modified-since'];
  // What is no date compares false.
  return since !== undefined && file.modified <= Date.parse(since);
}

/** Section 13.1.5: strong comparison of tags; a date only when it is the very one. */
function mayResume(validator: string | undefined, file: Representation): boolean {
  if (validator === undefined) return true;
  return validator.startsWith('"') ? validator === file.etag : Date.parse(validator) === file.modified;
}

function rangeOf(range: string, size: number): Selection {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec(range.trim());
  const [first, last] = [match?.[1] ?? '', match?.[2] ?? ''];
  if (first === '' && last === '') return { status: 200 };
  if (first === '') {
    const length = Math.min(Number(last), size);
    return length === 0 ? { status: 416 } : { status: 206, start: size - length, end: size - 1 };
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return { status: 200 };
  if (start >= size) return { status: 416 };
  return { status: 206, start, end: last === '' ? size - 1 : Math.min(Number(last), size - 1) };
}
