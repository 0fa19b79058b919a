import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createEventParser, EVENT_MAX } from '../../src/control/event-parser.ts';

/** What is read of a text, whatever the pieces that it comes in. */
function readAll(pieces: readonly string[]): string[] {
  const parser = createEventParser();
  return pieces.flatMap((piece) => [...parser.take(piece)]);
}

describe('the reader of server-sent events', () => {
  it.each([
    ['data: a\n\n', ['a']],
    ['data:a\n\n', ['a']],
    ['data:  a\n\n', [' a']],
    ['id: 1\nevent: log\ndata: {"a":1}\n\ndata: b\n\n', ['{"a":1}', 'b']],
    ['data: a\ndata: b\n\n', ['a\nb']],
    ['data: a\r\ndata: b\r\n\r\n', ['a\nb']],
    ['data\n\n', ['']],
    [': a comment\n\n:\n\ndata: a\n\n', ['a']],
    ['retry: 1000\n\nid: 7\n\n', []],
    ['data: a\r\n\r\ndata: b\r\r', ['a', 'b']],
    ['data: a\n', []],
    ['database: a\n\n', []],
  ])('reads %j', (text, events) => {
    expect(readAll([text])).toEqual(events);
    expect(readAll(Array.from(text))).toEqual(events);
  });

  it('reads the same however it is cut', () => {
    const events = fc.array(fc.json(), { maxLength: 5 });
    const ends = fc.constantFrom('\n', '\r\n', '\r');
    fc.assert(
      fc.property(events, ends, fc.array(fc.nat(40), { maxLength: 20 }), (data, end, cuts) => {
        let left = data.map((text) => `id: 1${end}data: ${text}${end}${end}`).join('');
        const pieces: string[] = [];
        for (const cut of cuts) {
          pieces.push(left.slice(0, cut));
          left = left.slice(cut);
        }
        expect(readAll([...pieces, left])).toEqual(data);
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    ['one line', 'x'.repeat(1000)],
    ['many lines', `data: ${'x'.repeat(993)}\n`],
  ])('gives up on an event of %s that never ends', (_what, piece) => {
    const parser = createEventParser();
    expect(() => {
      for (let size = 0; size <= EVENT_MAX + 1000; size += 1000) parser.take(piece);
    }).toThrow(expect.objectContaining({ code: 'CONTROL_FAILED' }));
  });
});
