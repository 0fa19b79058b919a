import { describe, expect, it } from 'vitest';
import { createMachine } from 'xstate';
import {
  describeChart,
  readChart,
  toJson,
  toMermaid,
  toTable,
  type Chart,
} from '../../src/statechart/index.ts';
import { lampMachine } from './lamp.machine.ts';

describe('toMermaid', () => {
  it('draws services, events, guards and errors, the happy path first', () => {
    expect(toMermaid(lampMachine, { happyPath: ['off', 'heating', 'lit', 'off'] })).toBe(`stateDiagram-v2
  state "off" as off
  state "heating<br/>⚙ heat" as heating
  state "lit<br/>⚙ heat, watch" as lit
  state lit {
    state "bright" as lit_bright
    state "dim" as lit_dim
    [*] --> lit_bright
  }
  state "broken<br/>⚙ watch" as broken
  state "end" as end_
  state "any state" as anywhere_

  [*] --> off

  off --> heating : ON [else]
  heating --> lit : done
  lit --> off : done<br/>after patience

  off --> lit : ON [warm]
  lit --> lit_dim : after 500 ms
  lit_bright --> lit_dim : always [warm]
  broken --> end_ : done
  anywhere_ --> off : OFF

  heating --> broken : ✗ error
  lit --> broken : ✗ watch error

  classDef happy fill:#e6f4ea,stroke:#1e8e3e,color:#0b3d1a
  classDef failure fill:#fce8e6,stroke:#d93025,color:#5f120c
  classDef aside fill:#f1f3f4,stroke:#5f6368,color:#202124
  class off,heating,lit happy
  class broken,end_ failure
  class lit_bright,lit_dim aside
`);
  });

  it('draws the same without a happy path', () => {
    const lines = (text: string): string[] =>
      text
        .split('\n')
        .filter((line) => line.includes('-->'))
        .sort();
    expect(lines(toMermaid(lampMachine))).toEqual(
      lines(toMermaid(lampMachine, { happyPath: ['off', 'heating', 'lit', 'off'] })),
    );
    expect(toMermaid(lampMachine)).not.toMatch(/class .* happy/);
  });

  it('refuses a happy path that the machine does not have', () => {
    expect(() => toMermaid(lampMachine, { happyPath: ['off', 'broken'] })).toThrow(
      'expected a transition off → broken',
    );
    // There is an edge, but it is an error's.
    expect(() => toMermaid(lampMachine, { happyPath: ['heating', 'broken'] })).toThrow(RangeError);
  });

  it('refuses what it cannot draw', () => {
    expect(() => toMermaid(createMachine({ type: 'parallel', states: { a: {}, b: {} } }))).toThrow(
      /found parallel/,
    );
    expect(() => toMermaid(createMachine({}))).toThrow(/found none/);
  });
});

describe('toJson', () => {
  it('says for each state what it invokes and where it leads', () => {
    const text = toJson(lampMachine);
    const chart = JSON.parse(text) as Chart;
    expect(text.endsWith('}\n')).toBe(true);
    expect(chart).toMatchObject(readChart(lampMachine));
    expect(chart).toEqual(describeChart(lampMachine));
    expect(chart).toMatchObject({ id: 'lamp', description: 'A lamp.', initial: 'off' });
    expect(chart.states.map(({ name }) => name)).toEqual(['off', 'heating', 'lit', 'broken', 'end']);
    expect(chart.states[0]).toEqual({
      name: 'off',
      description: 'Dark | cold.',
      services: [],
      rejects: {},
      entry: [],
      exit: [],
      transitions: [
        { kind: 'event', event: 'ON', service: null, target: 'lit', guard: 'warm', actions: [] },
        { kind: 'event', event: 'ON', service: null, target: 'heating', guard: 'else', actions: [] },
        { kind: 'event', event: 'NOTE', service: null, target: null, guard: null, actions: ['log'] },
      ],
      final: false,
      initial: null,
      states: [],
    });
    expect(chart.states[1]?.transitions).toEqual([
      { kind: 'done', event: 'done', service: 'heat', target: 'lit', guard: null, actions: [] },
      { kind: 'error', event: 'error', service: 'heat', target: 'broken', guard: null, actions: ['count'] },
    ]);
    expect(chart.anywhere).toEqual([
      { kind: 'event', event: 'OFF', service: null, target: 'off', guard: null, actions: [] },
    ]);
  });
});

describe('toTable', () => {
  it('has a row for each state, and escapes what would break it', () => {
    expect(toTable(lampMachine)).toBe(`| state | service | what happens | leads to | on error |
|---|---|---|---|---|
| \`off\` | – | Dark \\| cold. | \`ON\` \`lit\` (warm)<br>\`ON\` \`heating\` (else)<br>\`NOTE\` stays: log | – |
| \`heating\` | \`heat\` |  | \`lit\` | \`broken\` |
| \`lit\` | \`heat\`, \`watch\` |  | \`off\`<br>heat: stays: assign<br>\`lit.dim\`<br>\`off\` | watch: \`broken\` |
| \`lit.bright\` | – |  | \`lit.dim\` (warm) | – |
| \`lit.dim\` | – |  | – | – |
| \`broken\` | \`watch\` |  | \`end\` | – |
| \`end\` | – |  | – | – |
| elsewhere | – | What holds in every state that does not say otherwise. | \`OFF\` \`off\` | – |
`);
  });
});
