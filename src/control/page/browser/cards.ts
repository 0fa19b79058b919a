/** The cards of the page: what of a status stands where. */
import type { AttemptView, LogView, Status, WorkloadView } from '../../api.ts';
import { element, fact, fill, foreign, make } from './dom.ts';
import { stepsOf } from './path.ts';
import { bytes, clock, OUTCOME_WORDS, outcomeTone, shown, span, TRIGGER_WORDS } from './text.ts';

/** The longest version that is shown whole. */
const VERSION = 64;

const time = (iso: string, now: number): HTMLElement =>
  make('time', { datetime: iso, class: 'small' }, clock(iso, now));

/** The line below the name of the program. */
export function drawFacts({ current, channel, updater }: Status): void {
  const keys = updater.development_keys
    ? [' · ', make('span', { class: 'tag warn' }, 'development keys')]
    : [];
  fill(
    element('facts'),
    foreign(current.version, VERSION),
    ` runs · channel ${channel} · updater `,
    foreign(updater.version, VERSION),
    ...keys,
  );
}

/** The workload; `health` is from the last status. */
export function drawWorkload(
  workload: WorkloadView,
  health: Status['workload']['health'],
  now: number,
): void {
  const well =
    health === null
      ? [make('span', { class: 'tag' }, workload.state)]
      : [
          make(
            'span',
            { class: `tag ${health.healthy ? 'good' : 'bad'}` },
            health.healthy ? 'healthy' : 'not healthy',
          ),
          ' ',
          foreign(health.detail, 200),
        ];
  const up = workload.started_at === null ? '–' : span(now - Date.parse(workload.started_at));
  fill(
    element('workload'),
    ...fact('health', ...well),
    ...fact('version', foreign(workload.version ?? '–', VERSION)),
    ...fact('pid', String(workload.pid ?? '–')),
    ...fact('up for', up),
    ...fact('restarts', String(workload.restarts)),
    ...(workload.last_exit === null ? [] : fact('last exit', foreign(workload.last_exit, 300))),
  );
}

/** Versions on disk. */
export function drawVersions(
  { versions, version_floor: floor, watching, current }: Status,
  now: number,
): void {
  const rows = versions.map((version) =>
    make(
      'li',
      { class: 'line' },
      make('strong', {}, foreign(version.version, VERSION)),
      ...(version.current ? [make('span', { class: 'tag good' }, 'current')] : []),
      ...(watching?.version === version.version
        ? [make('span', { class: 'tag warn' }, 'watched for a crash loop')]
        : []),
      ...(floor?.version === version.version ? [make('span', { class: 'tag' }, 'floor')] : []),
      make(
        'span',
        { class: 'small push' },
        bytes(version.size_bytes),
        version.committed_at === null
          ? ' · not committed'
          : ` · committed ${clock(version.committed_at, now)}`,
      ),
    ),
  );
  const none = make(
    'li',
    { class: 'small' },
    foreign(current.version, VERSION),
    ' was here before any update; nothing is stored yet.',
  );
  fill(element('versions'), ...(rows.length === 0 ? [none] : rows));
}

/** What is wrong, and what to do about it. */
export function drawTrouble(status: Status, now: number): void {
  const held = status.held_back;
  const rows = [
    ...(status.last_error === null ? [] : [{ ...status.last_error, what: 'last error', tone: 'bad' }]),
    ...status.warnings.map((warning) => ({ ...warning, what: 'warning', tone: 'warn' })),
  ].map(({ code, message, next, at, what, tone }) =>
    make(
      'li',
      {},
      make(
        'p',
        { class: 'line' },
        make('span', { class: `tag ${tone}` }, what),
        make('code', {}, code),
        make('span', { class: 'push' }, time(at, now)),
      ),
      make('p', {}, foreign(message)),
      make('p', { class: 'small' }, foreign(next)),
    ),
  );
  if (held !== null)
    rows.push(
      make(
        'li',
        {},
        make(
          'p',
          { class: 'line' },
          make('span', { class: 'tag' }, 'held back'),
          make('strong', {}, foreign(held.version, VERSION)),
        ),
        make('p', {}, foreign(held.reason)),
      ),
    );
  element('trouble-card').hidden = rows.length === 0;
  fill(element('trouble'), ...rows);
}

/** The releases that failed here, with what was seen. */
export function drawQuarantine({ quarantine }: Status, now: number): void {
  element('quarantine-card').hidden = quarantine.length === 0;
  const list = element('quarantine');
  const open = new Set(
    [...list.querySelectorAll('details[open]')].map((details) => details.getAttribute('data-of')),
  );
  fill(
    list,
    ...quarantine.map(({ version, digest, at, reason, evidence }) => {
      const details = make(
        'details',
        { 'data-of': digest },
        make('summary', {}, `Evidence (${String(evidence.length)})`),
        make(
          'ul',
          { class: 'evidence mono', tabindex: '0', 'aria-label': 'Evidence' },
          ...evidence.slice(0, 200).map((line) => make('li', {}, foreign(line, 500))),
        ),
      );
      if (open.has(digest)) details.setAttribute('open', '');
      return make(
        'li',
        {},
        make(
          'p',
          { class: 'line' },
          make('strong', {}, foreign(version, VERSION)),
          make('code', {}, reason.code),
          make('span', { class: 'push' }, time(at, now)),
        ),
        make('p', {}, foreign(reason.message)),
        make('p', { class: 'small mono' }, `${shown(digest.slice(0, 12))}…`),
        ...(evidence.length === 0 ? [] : [details]),
      );
    }),
  );
}

const versionsOf = ({ from, to }: AttemptView): (Node | string)[] =>
  to === null
    ? []
    : [make('strong', {}, ...(from === null ? [] : [foreign(from, VERSION), ' → ']), foreign(to, VERSION))];

/**
 * The attempts as a timeline, newest first.
 *
 * @param replayed - the id of the attempt that is replayed
 * @param replay - called when a person asks to see one step by step
 */
export function drawHistory(
  attempts: readonly AttemptView[],
  replayed: string | null,
  now: number,
  replay: (attempt: AttemptView) => void,
): void {
  const list = element('history');
  fill(
    list,
    ...attempts.map((attempt) => {
      const tone = outcomeTone(attempt.outcome);
      const took =
        attempt.ended_at === null
          ? ''
          : ` · took ${span(Date.parse(attempt.ended_at) - Date.parse(attempt.started_at))}`;
      return make(
        'li',
        { class: `${tone}${attempt.id === replayed ? ' is-replayed' : ''}` },
        make(
          'p',
          { class: 'line' },
          make(
            'span',
            { class: `tag ${tone}` },
            attempt.outcome === null ? 'under way' : OUTCOME_WORDS[attempt.outcome],
          ),
          ...versionsOf(attempt),
          make(
            'button',
            {
              type: 'button',
              class: 'push',
              'data-attempt': attempt.id,
              'aria-label': `Replay ${shown(attempt.to ?? 'the attempt', VERSION)} of ${clock(attempt.started_at, now)}`,
            },
            'Replay',
          ),
        ),
        make('p', {}, foreign(attempt.reason, 400)),
        make(
          'p',
          { class: 'small' },
          time(attempt.started_at, now),
          ` · ${TRIGGER_WORDS[attempt.trigger]} · ${String(stepsOf(attempt).length)} states${took}`,
          ...(attempt.error === null ? [] : [' · ', make('code', {}, attempt.error.code)]),
        ),
      );
    }),
    ...(attempts.length === 0 ? [make('li', { class: 'small' }, 'No attempt yet.')] : []),
  );
  for (const button of list.querySelectorAll<HTMLButtonElement>('button[data-attempt]'))
    button.onclick = () => {
      const attempt = attempts.find(({ id }) => id === button.dataset['attempt']);
      if (attempt !== undefined) replay(attempt);
    };
}

const KEEP_LINES = 200;

/** Adds a line to the log, and lets the oldest go; follows the end where the reader is there. */
export function addLogLine({ at, level, message }: LogView): void {
  const log = element('log');
  const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
  log.append(
    make(
      'li',
      { class: level },
      make('time', { datetime: at, class: 'mono' }, at.slice(11, 19)),
      ` ${level === 'info' || level === 'debug' ? '' : `${level}: `}`,
      foreign(message, 600),
    ),
  );
  while (log.childElementCount > KEEP_LINES) log.firstElementChild?.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}
