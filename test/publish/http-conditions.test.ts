import type { IncomingHttpHeaders } from 'node:http';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { select } from '../../src/publish/http-conditions.ts';

const modified = Date.UTC(2026, 0, 2, 3, 4, 5);
const file = { size: 1000, etag: '"a-b-c"', modified };
const date = (ms: number): string => new Date(ms).toUTCString();

describe('select', () => {
  it.each<[IncomingHttpHeaders, ReturnType<typeof select>]>([
    [{}, { status: 200 }],
    [{ range: 'bytes=0-0' }, { status: 206, start: 0, end: 0 }],
    [{ range: 'bytes=10-' }, { status: 206, start: 10, end: 999 }],
    [{ range: 'bytes=10-5000' }, { status: 206, start: 10, end: 999 }],
    [{ range: 'BYTES=999-999' }, { status: 206, start: 999, end: 999 }],
    [{ range: 'bytes=-1' }, { status: 206, start: 999, end: 999 }],
    [{ range: 'bytes=-5000' }, { status: 206, start: 0, end: 999 }],
    [{ range: 'bytes=1000-' }, { status: 416 }],
    [{ range: 'bytes=-0' }, { status: 416 }],
    [{ range: 'bytes=5-4' }, { status: 200 }],
    [{ range: 'bytes=-' }, { status: 200 }],
    [{ range: 'bytes=0-1,3-4' }, { status: 200 }],
    [{ range: 'lines=0-1' }, { status: 200 }],
    [{ range: 'bytes=a-b' }, { status: 200 }],
    [
      { range: 'bytes=10-', 'if-range': '"a-b-c"' },
      { status: 206, start: 10, end: 999 },
    ],
    [{ range: 'bytes=10-', 'if-range': '"other"' }, { status: 200 }],
    [{ range: 'bytes=10-', 'if-range': 'W/"a-b-c"' }, { status: 200 }],
    [
      { range: 'bytes=10-', 'if-range': date(modified) },
      { status: 206, start: 10, end: 999 },
    ],
    [{ range: 'bytes=10-', 'if-range': date(modified + 1000) }, { status: 200 }],
    [{ range: 'bytes=10-', 'if-range': 'rubbish' }, { status: 200 }],
    [{ 'if-none-match': '"a-b-c"' }, { status: 304 }],
    [{ 'if-none-match': '"x", W/"a-b-c"' }, { status: 304 }],
    [{ 'if-none-match': '*' }, { status: 304 }],
    [{ 'if-none-match': '"x"' }, { status: 200 }],
    [{ 'if-none-match': '"x"', 'if-modified-since': date(modified) }, { status: 200 }],
    [{ 'if-none-match': '"a-b-c"', range: 'bytes=0-1' }, { status: 304 }],
    [{ 'if-modified-since': date(modified) }, { status: 304 }],
    [{ 'if-modified-since': date(modified - 1000) }, { status: 200 }],
    [{ 'if-modified-since': 'rubbish' }, { status: 200 }],
  ])('%j gives %j', (headers, expected) => {
    expect(select('GET', headers, file)).toEqual(expected);
  });

  it('knows no range for HEAD, and none of an empty file', () => {
    expect(select('HEAD', { range: 'bytes=0-0' }, file)).toEqual({ status: 200 });
    const empty = { ...file, size: 0 };
    expect(select('GET', { range: 'bytes=0-' }, empty)).toEqual({ status: 416 });
    expect(select('GET', { range: 'bytes=-5' }, empty)).toEqual({ status: 416 });
  });

  it('never leaves the file, whatever is asked for', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^bytes=\d{0,17}-\d{0,17}$/));
    fc.assert(
      fc.property(text, fc.nat(5000), (range, size) => {
        const chosen = select('GET', { range }, { ...file, size });
        return (
          chosen.status !== 206 || (chosen.start >= 0 && chosen.start <= chosen.end && chosen.end < size)
        );
      }),
    );
  });
});
