import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createEventStreams, STREAM_LIMITS, type EventStreams } from '../../src/control/event-streams.ts';
import { sampleLine } from './support/samples.ts';
import { scriptedApi, type ScriptedApi } from './support/scripted-api.ts';

/** An answer whose socket takes only as much as the test says. */
class FakeResponse extends EventEmitter {
  readonly calls: string[] = [];
  room = true;

  writeHead(): void {
    this.calls.push('head');
  }

  write(text: string): boolean {
    const message = /"message":"(\w+)"/.exec(text)?.[1];
    if (message !== undefined) this.calls.push(message);
    return this.room;
  }

  end(): void {
    this.calls.push('end');
  }

  destroy(): void {
    this.calls.push('destroy');
    this.emit('close');
  }

  drain(): void {
    this.room = true;
    this.emit('drain');
  }
}

function open(after?: number): { api: ScriptedApi; response: FakeResponse; streams: EventStreams } {
  const api = scriptedApi();
  const streams = createEventStreams(api, STREAM_LIMITS);
  onTestFinished(() => {
    streams.close();
  });
  const response = new FakeResponse();
  streams.open(response as unknown as ServerResponse, {}, after);
  return { api, response, streams };
}

const say = (api: ScriptedApi, ...messages: readonly string[]): void => {
  for (const message of messages) api.publish({ kind: 'log', line: sampleLine({ message }) });
};

describe('a stream whose socket is full', () => {
  it('hands over nothing, does not listen, and catches up in order once there is room', () => {
    const { api, response } = open();
    say(api, 'one');
    response.room = false;
    say(api, 'two', 'three', 'four');
    expect(response.calls).toEqual(['head', 'one', 'two']);
    expect(api.listeners()).toBe(0);
    response.drain();
    say(api, 'five');
    expect(response.calls).toEqual(['head', 'one', 'two', 'three', 'four', 'five']);
    expect(api.listeners()).toBe(1);
  });

  it('before its first event, too', () => {
    const api = scriptedApi();
    say(api, 'past');
    const streams = createEventStreams(api, STREAM_LIMITS);
    const response = new FakeResponse();
    response.room = false;
    streams.open(response as unknown as ServerResponse, {}, undefined);
    say(api, 'one', 'two');
    response.drain();
    streams.close();
    expect(response.calls).toEqual(['head', 'one', 'two', 'end', 'destroy']);
  });

  it('in the middle of what is remembered, too', () => {
    const api = scriptedApi();
    say(api, 'one', 'two', 'three');
    const streams = createEventStreams(api, STREAM_LIMITS);
    const response = new FakeResponse();
    response.room = false;
    streams.open(response as unknown as ServerResponse, {}, 0);
    expect(response.calls).toEqual(['head']);
    response.drain();
    streams.close();
    expect(response.calls.slice(0, 4)).toEqual(['head', 'one', 'two', 'three']);
    expect(api.listeners()).toBe(0);
  });
});

it('ends without waiting for a reader that does not read', () => {
  const { api, response, streams } = open();
  streams.close();
  expect(response.calls).toEqual(['head', 'end', 'destroy']);
  expect([api.listeners(), streams.count()]).toEqual([0, 0]);
  expect(() => {
    streams.open(new FakeResponse() as unknown as ServerResponse, {}, undefined);
  }).toThrow(expect.objectContaining({ code: 'RATE_LIMITED' }));
});
