/**
 * Strict JSON for signed documents. Two readers must never see two meanings in the same bytes.
 *
 * Invariant: a text that passes has one reading only (RFC 8259; I-JSON, RFC 7493 section 2.1 to 2.3): UTF-8 without a BOM,
 * no duplicate member at any depth, no lone surrogate, no `__proto__`, nested at most {@link MAX_JSON_DEPTH} deep.
 */
import { UpdateError } from '../errors.ts';
import { quote } from './quote.ts';

/** The deepest nesting of objects and arrays that is read. */
export const MAX_JSON_DEPTH = 32;

/**
 * Parses strict JSON.
 *
 * @param bytes - the text, in UTF-8; the caller caps its size
 * @param what - what it is, for messages: `manifest`
 * @throws UpdateError `JSON_INVALID`
 * @example
 * parseStrictJson(Buffer.from('{"a":1,"\\u0061":2}'), 'manifest'); // JSON_INVALID: duplicate member "a"
 */
export function parseStrictJson(bytes: Uint8Array, what: string): unknown {
  const text = decodeUtf8(bytes, what);
  const value = parse(text, what);
  scan(text, what);
  return value;
}

function fault(what: string, found: string, cause?: unknown): UpdateError {
  return new UpdateError('JSON_INVALID', `expected ${what} as strict JSON, found ${found}`, { cause });
}

function decodeUtf8(bytes: Uint8Array, what: string): string {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) throw fault(what, 'a byte order mark');
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw fault(what, 'invalid UTF-8', cause);
  }
}

function parse(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    // The engine's message quotes the text; it stays in the cause only.
    throw fault(what, 'a syntax error', cause);
  }
}

/** Walks over a text that is known to be well-formed, and looks at its strings and its nesting only. */
function scan(text: string, what: string): void {
  const open: (Set<string> | null)[] = [];
  for (let at = 0; at < text.length; at += 1) {
    switch (text[at]) {
      case '{':
      case '[':
        if (open.length === MAX_JSON_DEPTH)
          throw fault(what, `nesting deeper than ${String(MAX_JSON_DEPTH)}`);
        open.push(text[at] === '{' ? new Set() : null);
        break;
      case '}':
      case ']':
        open.pop();
        break;
      case '"': {
        const end = endOfString(text, at);
        const string = JSON.parse(text.slice(at, end + 1)) as string;
        if (!string.isWellFormed()) throw fault(what, 'a lone surrogate');
        if (isMemberName(text, end)) addMember(open.at(-1), string, what);
        at = end;
        break;
      }
      default:
    }
  }
}

function addMember(names: Set<string> | null | undefined, name: string, what: string): void {
  if (name === '__proto__') throw fault(what, 'a member named __proto__');
  if (names?.has(name) === true) throw fault(what, `duplicate member ${quote(name)}`);
  names?.add(name);
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}

function isMemberName(text: string, endOfName: number): boolean {
  let at = endOfName + 1;
  while (' \t\r\n'.includes(text[at] ?? '.')) at += 1;
  return text[at] === ':';
}
