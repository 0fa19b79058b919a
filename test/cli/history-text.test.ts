import { describe, expect, it } from 'vitest';
import { historyText } from '../../src/cli/history-text.ts';
import { plainStyle } from '../../src/cli/style.ts';
import { ago, sampleAttempt } from '../control/support/samples.ts';
import { viewOf } from '../control/support/scripted-api.ts';

const attempts = [
  sampleAttempt({
    id: 'a4',
    started_at: ago(5),
    ended_at: null,
    outcome: null,
    reason: '',
    to: '1.3.0',
    from: '1.1.0',
    steps: [],
  }),
  sampleAttempt({
    id: 'a3',
    outcome: 'refused',
    reason: 'bad\u001B[2J\nsignature',
    error: viewOf('JWS_SIGNATURE_INVALID', 'bad'),
    from: null,
    to: null,
    digest: null,
  }),
  sampleAttempt(),
];

describe('history for people', () => {
  it('is a line an attempt', () => {
    expect(`\n${historyText(attempts, { verbose: false, style: plainStyle })}\n`).toMatchInlineSnapshot(`
      "
      started               from → to      outcome    code                   took       by
      2026-01-02T03:04:00Z  1.1.0 → 1.3.0  -          -                      under way  schedule
      2026-01-02T01:03:02Z  -              refused    JWS_SIGNATURE_INVALID  1 min 3 s  schedule
      2026-01-02T01:03:02Z  1.0.0 → 1.1.0  committed  -                      1 min 3 s  schedule
      "
    `);
  });

  it('tells reason and steps when asked', () => {
    expect(`\n${historyText(attempts, { verbose: true, style: plainStyle })}\n`).toMatchInlineSnapshot(`
      "
      started               from → to      outcome    code                   took       by
      2026-01-02T03:04:00Z  1.1.0 → 1.3.0  -          -                      under way  schedule
          a4, release bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
      2026-01-02T01:03:02Z  -              refused    JWS_SIGNATURE_INVALID  1 min 3 s  schedule
          a3
          bad[2J signature
          +0 ms  checking
          +3.0 s  downloading
          +1 min 0 s  probing
      2026-01-02T01:03:02Z  1.0.0 → 1.1.0  committed  -                      1 min 3 s  schedule
          a1, release bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
          HTTP 200
          +0 ms  checking
          +3.0 s  downloading
          +1 min 0 s  probing
      "
    `);
  });

  it('says when there is none', () => {
    expect(historyText([], { verbose: true, style: plainStyle })).toBe('no attempts yet');
  });
});
