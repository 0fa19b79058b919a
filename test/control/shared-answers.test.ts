import { describe, expect, it } from 'vitest';
import type { Status } from '../../src/control/api.ts';
import { shareAnswers } from '../../src/control/shared-answers.ts';
import { sampleLine, sampleStatus } from './support/samples.ts';
import { scriptedApi, type ScriptedApi } from './support/scripted-api.ts';

/** An API whose statuses are answered when the test says so. */
function heldApi(): { api: ScriptedApi; asked: PromiseWithResolvers<Status>[] } {
  const asked: PromiseWithResolvers<Status>[] = [];
  const api = {
    ...scriptedApi(),
    status: () => {
      const held = Promise.withResolvers<Status>();
      asked.push(held);
      return held.promise;
    },
  };
  return { api, asked };
}

describe('a status that many ask for', () => {
  it('is made once for all who ask at the same time, and anew for who asks later', async () => {
    const { api, asked } = heldApi();
    const shared = shareAnswers(api).api;
    const answers = Array.from({ length: 100 }, () => shared.status());
    expect(asked).toHaveLength(1);
    asked[0]!.resolve(sampleStatus());
    expect(new Set(await Promise.all(answers)).size).toBe(1);
    void shared.status();
    expect(asked).toHaveLength(2);
  });

  it('is never older than an event that its reader has seen', () => {
    const { api, asked } = heldApi();
    const shared = shareAnswers(api).api;
    void shared.status();
    api.publish({ kind: 'log', line: sampleLine() });
    void shared.status();
    void shared.status();
    expect(asked).toHaveLength(2);
  });

  it('is never older than a command that its reader has given, whether it worked or not', async () => {
    const { api, asked } = heldApi();
    const shared = shareAnswers(api).api;
    void shared.status();
    await shared.pause(null);
    void shared.status();
    expect(asked).toHaveLength(2);
    const refusing = heldApi();
    const { api: other } = shareAnswers({
      ...refusing.api,
      resume: () => Promise.reject(new Error('no')),
    });
    void other.status();
    await expect(other.resume()).rejects.toThrow('no');
    void other.status();
    expect(refusing.asked).toHaveLength(2);
  });

  it('that failed is made again for the next', async () => {
    const { api, asked } = heldApi();
    const shared = shareAnswers(api).api;
    const both = Promise.allSettled([shared.status(), shared.status()]);
    asked[0]!.reject(new Error('no disk'));
    expect((await both).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    void shared.status();
    expect(asked).toHaveLength(2);
  });

  it('listens to events only until it is closed', () => {
    const api = scriptedApi();
    const shared = shareAnswers(api);
    expect(api.listeners()).toBe(1);
    shared.close();
    expect(api.listeners()).toBe(0);
  });
});
