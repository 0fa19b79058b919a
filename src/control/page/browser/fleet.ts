/**
 * The card of the fleet: this host's part out of its status, and the whole at a glance where this host may read it.
 *
 * Invariant: hidden where no fleet is configured.
 */
import type { HostFleetView } from '../../api.ts';
import { element, fact, fill, foreign, make } from './dom.ts';
import { fleetLines, type Glance } from './fleet-text.ts';
import { clock } from './text.ts';

const VERSION = 64;
/** So many outcomes are shown. */
const OUTCOMES = 5;

const listed = (lines: readonly Node[]): HTMLElement => make('ul', { class: 'rows' }, ...lines);

/** Draws the card; `host` is null where no fleet is configured. */
export function drawFleet(host: HostFleetView | null, glance: Glance | null, now: number): void {
  element('fleet-card').hidden = host === null;
  if (host === null) return;
  const { link } = host;
  const linked =
    link === null
      ? [make('span', { class: 'tag' }, 'not used')]
      : [
          make(
            'span',
            { class: `tag ${link.connected ? 'good' : 'warn'}` },
            link.connected ? 'connected' : 'away',
          ),
          ...(link.fault === null ? [] : [' ', foreign(link.fault, 200)]),
        ];
  const view = glance === null || 'missing' in glance ? null : glance;
  const halts =
    view === null ? host.halts : view.rollouts.flatMap(({ halted }) => (halted === null ? [] : [halted]));
  const lines = view === null ? null : fleetLines(view);
  fill(
    element('fleet'),
    ...fact('this host', foreign(`${host.group}/${host.host}`, 130)),
    ...fact('NATS', ...linked),
    ...fact('waiting', `${String(host.outbox)} outcomes to be sent`),
    ...(lines === null
      ? []
      : [
          ...fact('hosts', lines.hosts),
          ...fact('running', listed(lines.running.map((line) => make('li', {}, foreign(line, 200))))),
        ]),
    ...(halts.length === 0
      ? []
      : fact(
          'halted',
          listed(
            halts.map(({ version, by, at, reason }) =>
              make(
                'li',
                {},
                make('strong', {}, foreign(version, VERSION)),
                ' by ',
                foreign(by, VERSION),
                ` ${clock(at, now)}: `,
                foreign(reason, 300),
              ),
            ),
          ),
        )),
    ...(view === null || view.outcomes.length === 0
      ? []
      : fact(
          'last',
          listed(
            view.outcomes
              .slice(0, OUTCOMES)
              .map((one) =>
                make(
                  'li',
                  {},
                  foreign(`${one.group}/${one.host}`, 130),
                  ': ',
                  foreign(`${one.outcome} ${one.to ?? ''} ${one.code ?? ''}`.trim(), 200),
                  ` ${clock(one.at, now)}`,
                ),
              ),
          ),
        )),
    ...(glance !== null && 'missing' in glance && link !== null
      ? fact('the others', 'not known here: ', foreign(glance.missing, 300))
      : []),
  );
}
