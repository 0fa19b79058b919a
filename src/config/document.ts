/**
 * Reads the configuration file as YAML 1.2.
 *
 * Invariants: nobody but its owner's circle can have written it (never world-writable); it is at most 256 KiB; it is
 * plain data (no aliases, no tags, no duplicate keys, one document), so that what a person reads is what is meant.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { isMap, isPair, isScalar, LineCounter, parseDocument, visit, type Document } from 'yaml';
import { hasErrno, UpdateError } from '../errors.ts';
import type { Path } from './problems.ts';
import { shown } from './problems.ts';

/** The largest configuration file, bytes. */
export const CONFIG_MAX_BYTES = 256 * 1024;

/** A configuration file that was read, not checked yet. */
export interface ConfigDocument {
  /** Its content as plain data; an empty file is an empty map. */
  readonly value: unknown;
  /** `file:line` of the value or key at a path; of the nearest thing around it that is there, else. */
  where(path: Path): string;
}

/**
 * Reads the bytes of a configuration file.
 *
 * @returns null where there is no such file
 * @throws UpdateError `CONFIG_UNREADABLE` where it cannot be read, is no regular file, is too large, or is world-writable
 */
export async function readConfigFile(path: string): Promise<Uint8Array | null> {
  let file;
  try {
    // O_NONBLOCK: opening a named pipe would wait for a writer for ever.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return null;
    throw UpdateError.from(error, 'CONFIG_UNREADABLE', path);
  }
  try {
    const { mode, size } = await file.stat();
    const refuse = (what: string): never => {
      throw new UpdateError('CONFIG_UNREADABLE', `${path}: ${what}`);
    };
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) refuse('expected a regular file');
    if ((mode & 0o002) !== 0)
      refuse(
        `expected a file that only its owner and group may write, found mode ${(mode & 0o7777).toString(8)}; run chmod o-w`,
      );
    if (size > CONFIG_MAX_BYTES)
      refuse(`expected at most ${String(CONFIG_MAX_BYTES)} bytes, found ${String(size)}`);
    return await file.readFile();
  } catch (error) {
    throw UpdateError.from(error, 'CONFIG_UNREADABLE', path);
  } finally {
    await file.close();
  }
}

/** The line of what stands at `path`, or of the nearest thing around it. */
function lineOf(document: Document, lines: LineCounter, path: Path): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const part of path) {
    if (!isMap(node)) break;
    const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === part);
    if (pair === undefined) break;
    if (isScalar(pair.key) && pair.key.range) offset = pair.key.range[0];
    node = pair.value;
  }
  return lines.linePos(offset).line;
}

/** What must not be in the file, though YAML has it. */
function unwanted(document: Document): { what: string; offset: number } | null {
  let found: { what: string; offset: number } | null = null;
  const stop = (what: string, offset: number | undefined): symbol => {
    found = { what, offset: offset ?? 0 };
    return visit.BREAK;
  };
  visit(document, {
    Alias: (_, node) => stop(`expected no aliases, found *${node.source}`, node.range?.[0]),
    Pair: (_, pair) => {
      if (isScalar(pair.key) && typeof pair.key.value === 'string') return undefined;
      const range = isScalar(pair.key) ? pair.key.range : undefined;
      return stop('expected keys that are texts', range?.[0]);
    },
  });
  return found;
}

/**
 * Parses a configuration file.
 *
 * @param bytes - its content, UTF-8
 * @param path - its path, for messages
 * @throws UpdateError `CONFIG_UNREADABLE` where it is not the YAML that is expected; a line a problem
 */
export function parseConfig(bytes: Uint8Array, path: string): ConfigDocument {
  const lines = new LineCounter();
  const fail = (what: string, offset?: number): never => {
    const place = offset === undefined ? path : `${path}:${String(lines.linePos(offset).line)}`;
    throw new UpdateError('CONFIG_UNREADABLE', `${place}: ${what}`);
  };
  let document: Document;
  let value: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: false });
    const [first] = [...document.errors, ...document.warnings];
    if (first !== undefined) return fail(first.message.split('\n')[0] ?? first.code, first.pos[0]);
    const bad = unwanted(document);
    if (bad !== null) return fail(bad.what, bad.offset);
    value = document.toJS({ maxAliasCount: 0 }) ?? {};
  } catch (error) {
    throw UpdateError.from(error, 'CONFIG_UNREADABLE', `${path}: expected YAML in UTF-8`);
  }
  if (typeof value !== 'object' || Array.isArray(value)) fail(`expected a map, found ${shown(value, '')}`, 0);
  return { value, where: (at) => `${path}:${String(lineOf(document, lines, at))}` };
}
