/**
 * A machine as State Chart XML (SCXML), the W3C Recommendation of 1 September 2015, for the tools that read it.
 *
 * What SCXML has no word for is there by name: a guard is a function that the host of the data model provides, an action an
 * element of our own namespace (section 4.10 of the recommendation allows it). A service is an `<invoke>` whose type is its name; its good end is
 * `done.invoke.ID` (section 6.4), its error `error.platform.ID` (section 3.12.2 leaves `error.platform` to the platform).
 */
import type { AnyStateMachine } from 'xstate';
import { readChart, type ChartState, type ChartTransition } from './chart.ts';

const OWN = 'https://coresdk.dev/ns/statechart';

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const idOf = (name: string): string => name.replaceAll(/[^A-Za-z0-9_.-]/g, '_');

/** Invocations have ids of their own among those of the document: a state and a service may have the same name. */
const invokeId = (state: string, service: string): string => `${idOf(state)}.${idOf(service)}.invoke`;

function eventOf({ kind, event, service }: ChartTransition, state: string): string | null {
  switch (kind) {
    case 'always':
      return null;
    case 'done':
      return service === null ? `done.state.${idOf(state)}` : `done.invoke.${invokeId(state, service)}`;
    case 'error':
      return `error.platform.${invokeId(state, service ?? '')}`;
    case 'after':
      return `${idOf(state)}.${idOf(event)}`;
    case 'event':
      return event === 'anything else' ? '*' : idOf(event);
  }
}

const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);

function element(
  name: string,
  attributes: Readonly<Record<string, string | null>>,
  content: readonly string[],
): string[] {
  const text = Object.entries(attributes)
    .map(([key, value]) => (value === null ? '' : ` ${key}="${escaped(value)}"`))
    .join('');
  return content.length === 0
    ? [`<${name}${text}/>`]
    : [`<${name}${text}>`, ...indented(content), `</${name}>`];
}

const actions = (names: readonly string[]): string[] =>
  names.flatMap((name) => element('own:action', { name }, []));

function transition(of: ChartTransition, state: string): string[] {
  return element(
    'transition',
    {
      event: eventOf(of, state),
      cond: of.guard === null || of.guard === 'else' ? null : `${of.guard}(_event)`,
      target: of.target === null ? null : idOf(of.target),
    },
    actions(of.actions),
  );
}

/** A delayed transition is an event that the state sends itself, and takes back when it is left. */
function delays(state: ChartState): { entry: string[]; exit: string[] } {
  const after = state.transitions.filter(({ kind }) => kind === 'after');
  const sends = after.map((of) => ({
    event: eventOf(of, state.name) ?? '',
    delay: of.event.replace(/^after /, '').replaceAll(' ', ''),
  }));
  return {
    entry: sends.flatMap(({ event, delay }) =>
      element(
        'send',
        /^\d+ms$/.test(delay) ? { event, id: event, delay } : { event, id: event, delayexpr: `${delay}()` },
        [],
      ),
    ),
    exit: sends.flatMap(({ event }) => element('cancel', { sendid: event }, [])),
  };
}

function stateElement(state: ChartState): string[] {
  const { entry, exit } = delays(state);
  const doing = (name: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : element(name, {}, lines);
  const content = [
    ...(state.description === null ? [] : [`<!-- ${state.description.replaceAll('--', '—')} -->`]),
    ...doing('onentry', [...actions(state.entry), ...entry]),
    ...doing('onexit', [...actions(state.exit), ...exit]),
  ];
  if (state.final) return element('final', { id: idOf(state.name) }, content);
  return element(
    'state',
    { id: idOf(state.name), initial: state.initial === null ? null : idOf(state.initial) },
    [
      ...content,
      ...state.services.flatMap((service) => [
        ...(state.rejects[service] === undefined || state.rejects[service].length === 0
          ? []
          : element('own:rejects', { service, codes: state.rejects[service].join(' ') }, [])),
        ...element('invoke', { id: invokeId(state.name, service), type: service }, []),
      ]),
      ...state.transitions.flatMap((of) => transition(of, state.name)),
      ...state.states.flatMap(stateElement),
    ],
  );
}

/**
 * A machine as an SCXML document.
 *
 * Transitions that hold in every state need a state around all others, since `<scxml>` itself takes none.
 *
 * @returns the document, ending with a line feed; always the same for the same machine
 * @throws TypeError for parallel and history states
 */
export function toScxml(machine: AnyStateMachine): string {
  const chart = readChart(machine);
  const states = chart.states.flatMap(stateElement);
  const wrapped = `${idOf(chart.id)}.machine`;
  const root = element(
    'scxml',
    {
      xmlns: 'http://www.w3.org/2005/07/scxml',
      'xmlns:own': OWN,
      version: '1.0',
      datamodel: 'ecmascript',
      name: idOf(chart.id),
      initial: chart.anywhere.length > 0 ? wrapped : idOf(chart.initial),
    },
    chart.anywhere.length === 0
      ? states
      : element('state', { id: wrapped, initial: idOf(chart.initial) }, [
          ...chart.anywhere.flatMap((of) => transition(of, chart.id)),
          ...states,
        ]),
  );
  const about = chart.description === null ? [] : [`<!-- ${chart.description.replaceAll('--', '—')} -->`];
  return `${['<?xml version="1.0" encoding="UTF-8"?>', ...about, ...root].join('\n')}\n`;
}
