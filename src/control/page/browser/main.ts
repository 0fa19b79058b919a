/**
 * The live page: looks at the status, follows the events, and draws.
 *
 * Invariants: what is shown came from the daemon that is answering now, or it is said that nobody answers; a person is asked
 * before anything is done; every text of others is drawn as text.
 */
import type { StateName } from '../../../types.ts';
import type { AttemptView, ControlEvent, Status } from '../../api.ts';
import { drawActions, QUESTIONS } from './actions.ts';
import { api, Refused } from './api.ts';
import { ask, inWords } from './ask.ts';
import {
  addLogLine,
  drawFacts,
  drawHistory,
  drawQuarantine,
  drawTrouble,
  drawVersions,
  drawWorkload,
} from './cards.ts';
import { drawChart, reveal } from './chart.ts';
import { element } from './dom.ts';
import { askingForFleet, type Glance } from './fleet-text.ts';
import { drawFleet } from './fleet.ts';
import { endedByError, stepsOf } from './path.ts';
import { addLook, clearProgress, drawProgress } from './progress.ts';
import { createReplayer } from './replay.ts';
import { follow } from './stream.ts';
import { nextText, shown, STATE_WORDS } from './text.ts';

/** What the page knows. */
interface Known {
  status: Status | null;
  history: readonly AttemptView[];
  /** The way of the attempt under way, or of the last one. */
  way: StateName[];
  attempt: string | null;
  failed: boolean;
}

const SAID_MS = 6000;

function start(): void {
  const known: Known = { status: null, history: [], way: [], attempt: null, failed: false };
  const chart = document.querySelector<SVGElement>('#chart-frame svg');
  if (chart === null) throw new Error('the page has no chart');
  const frame = element('chart-frame');
  let saidTimer: ReturnType<typeof setTimeout> | null = null;
  let fetching: Promise<void> | null = null;
  let wanted = false;

  const say = (text: string): void => {
    const said = element('said');
    said.textContent = text;
    said.hidden = false;
    if (saidTimer !== null) clearTimeout(saidTimer);
    saidTimer = setTimeout(() => {
      said.hidden = true;
    }, SAID_MS);
  };

  const drawWay = (): void => {
    const replay = replayer.current();
    const { status } = known;
    if (replay !== null) {
      const states = replay.steps.slice(0, replay.at + 1).map(({ state }) => state);
      const last = replay.at === replay.steps.length - 1;
      const failed = last && endedByError(replay.attempt);
      const label = `Statechart, replay: ${states.join(', then ')}`;
      drawChart(chart, { path: states, failed, resting: true, label });
      element('chart-caption').textContent = `replay of ${shown(replay.attempt.to ?? 'an attempt', 64)}`;
      reveal(frame, states.at(-1) ?? 'idle');
      return;
    }
    if (status === null) return;
    const path = known.way.at(-1) === status.state ? known.way : [...known.way, status.state];
    const resting = status.state === 'idle' || status.state === 'failed';
    const label = `Statechart; it is in ${status.state}${path.length > 1 ? `, by way of ${path.join(', ')}` : ''}`;
    drawChart(chart, { path, failed: known.failed, resting, label });
    element('chart-caption').textContent = `now: ${status.state}`;
  };

  const replayer = createReplayer(() => {
    drawWay();
    drawPast();
  });

  const drawPast = (): void => {
    drawHistory(known.history, replayer.current()?.attempt.id ?? null, Date.now(), (attempt) => {
      replayer.start(attempt);
      frame.scrollIntoView({ block: 'nearest' });
    });
  };

  let glance: Glance | null = null;
  const askForFleet = askingForFleet(
    api.fleet,
    () => document.visibilityState === 'visible',
    () => performance.now(),
    (came) => {
      glance = came;
      drawFleetCard();
    },
  );
  const drawFleetCard = (): void => {
    drawFleet(known.status?.fleet ?? null, glance, Date.now());
  };

  /** What changes by the clock alone. */
  const drawTimes = (): void => {
    const { status } = known;
    if (status === null) return;
    const now = Date.now();
    element('next').textContent = nextText(status, now);
    drawWorkload(status.workload, status.workload.health, now);
    if ((status.fleet?.link ?? null) !== null) askForFleet();
  };

  const drawNow = (status: Status): void => {
    const { state, to, from } = status;
    const words = state === 'idle' && status.paused !== null ? 'Paused' : STATE_WORDS[state];
    const running = `${shown(status.current.version, 64)} runs`;
    const versions =
      state === 'idle'
        ? ` · ${running}${status.watching === null ? '' : ', watched for a crash loop'}`
        : to === null
          ? ''
          : ` · ${from === null ? '' : `${shown(from, 64)} → `}${shown(to, 64)}`;
    const headline = `${words}${versions}`;
    if (element('headline').textContent !== headline) {
      element('headline').textContent = headline;
      element('spoken').textContent = headline;
      document.title = `${words} · CoreSDK sidecar`;
    }
    const now = element('now');
    now.classList.toggle(
      'is-busy',
      !['idle', 'waiting', 'failed', 'rollingBack', 'rolledBack'].includes(state),
    );
    now.classList.toggle(
      'is-waiting',
      state === 'waiting' || status.paused !== null || status.disabled !== null,
    );
    now.classList.toggle('is-bad', ['failed', 'rollingBack', 'rolledBack'].includes(state));
    const advice = status.paused?.next ?? '';
    element('advice').textContent = state === 'idle' ? shown(advice) : '';
    drawActions(status);
  };

  const drawAll = (): void => {
    const { status } = known;
    if (status === null) return;
    const now = Date.now();
    drawFacts(status);
    drawNow(status);
    drawTimes();
    // An event may be ahead of this status: what it drew stays for as long as its state does.
    if (!['downloading', 'overlapping', 'probing'].includes(status.state)) clearProgress();
    drawProgress(status.progress);
    drawVersions(status, now);
    drawTrouble(status, now);
    drawQuarantine(status, now);
    drawFleetCard();
    drawPast();
    drawWay();
  };

  const take = (status: Status, history: readonly AttemptView[]): void => {
    known.status = status;
    known.history = history;
    const current =
      history.find(({ id }) => id === (status.attempt ?? known.attempt ?? history[0]?.id)) ?? history[0];
    if (current !== undefined) {
      const way = stepsOf(current).map(({ state }) => state);
      // The events may be ahead of the journal, but never of another attempt.
      if (known.attempt !== current.id || way.length >= known.way.length) known.way = way;
      known.attempt = current.id;
      known.failed = endedByError(current);
    }
    drawAll();
  };

  /** Looks at everything; asked for while it looks, it looks once more afterwards. */
  const look = async (): Promise<void> => {
    if (fetching !== null) {
      wanted = true;
      return;
    }
    try {
      do {
        wanted = false;
        fetching = Promise.all([api.status(), api.history()]).then(([status, history]) => {
          take(status, history);
        });
        await fetching;
        // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- set meanwhile, by another call
      } while (wanted);
    } finally {
      fetching = null;
    }
  };

  const lookQuietly = (): void => {
    // A look that fails says nothing new: the stream tells that nobody answers.
    look().catch(() => undefined);
  };

  const hear = (event: ControlEvent): void => {
    const { status } = known;
    switch (event.kind) {
      case 'state': {
        clearProgress();
        if (event.attempt !== null && event.attempt !== known.attempt) {
          known.attempt = event.attempt;
          known.way = event.before === null ? [] : [event.before];
          known.failed = false;
        }
        if (known.way.at(-1) !== event.state) known.way.push(event.state);
        if (status !== null) {
          known.status = {
            ...status,
            state: event.state,
            attempt: event.attempt,
            from: event.from,
            to: event.to,
            progress: null,
            waiting: null,
          };
          drawNow(known.status);
          drawTimes();
          drawWay();
          if (replayer.current() === null) reveal(frame, event.state);
        }
        lookQuietly();
        return;
      }
      case 'progress':
        drawProgress(event.progress);
        return;
      case 'probe':
        addLook(event);
        if (status !== null) {
          const { healthy, detail } = event;
          known.status = { ...status, workload: { ...status.workload, health: { healthy, detail } } };
          drawTimes();
        }
        return;
      case 'waiting':
        if (status !== null) known.status = { ...status, waiting: event.waiting };
        lookQuietly();
        return;
      case 'ended':
        say(
          `${shown(event.attempt.to ?? 'The attempt', 64)}: ${event.attempt.ended?.outcome ?? 'ended'}. ${shown(event.attempt.ended?.reason ?? '', 300)}`,
        );
        lookQuietly();
        return;
      case 'workload':
        if (status !== null) known.status = { ...status, workload: { ...event.workload, health: null } };
        drawTimes();
        return;
      case 'log':
        addLogLine(event.line);
    }
  };

  const show = (id: 'live' | 'sign-in'): void => {
    element('live').hidden = id !== 'live';
    element('sign-in').hidden = id !== 'sign-in';
    element('gone').hidden = true;
  };

  const linked = (live: boolean, text: string): void => {
    element('link').classList.toggle('is-live', live);
    element('link').classList.toggle('is-lost', !live);
    element('link-text').textContent = text;
  };

  const askForToken = (message: string): void => {
    show('sign-in');
    linked(false, 'not signed in');
    element('token-error').textContent = message;
    const input = element<HTMLInputElement>('token');
    input.focus();
    element<HTMLFormElement>('token-form').onsubmit = (event) => {
      event.preventDefault();
      signIn(input.value.trim()).catch((error: unknown) => {
        askForToken(inWords(error));
      });
      input.value = '';
    };
  };

  const signIn = async (token: string): Promise<void> => {
    await api.session(token);
    run();
  };

  const run = (): void => {
    const ending = new AbortController();
    follow(
      '/v1/events',
      {
        opened: (again) => {
          show('live');
          linked(true, 'live');
          if (again) say('Connected again.');
          lookQuietly();
        },
        event: hear,
        lost: (retryMs) => {
          linked(false, 'no answer');
          const gone = element('gone');
          gone.hidden = false;
          gone.textContent = `The daemon does not answer. What stands here is the last that was known; trying again every ${String(Math.ceil(retryMs / 1000))} s.`;
        },
        refused: () => {
          askForToken('');
        },
      },
      ending.signal,
    ).catch((error: unknown) => {
      linked(false, inWords(error));
    });
    window.addEventListener('pagehide', () => {
      ending.abort();
    });
  };

  for (const [id, question] of Object.entries(QUESTIONS))
    element(id).onclick = () => {
      if (known.status === null) return;
      ask(question(known.status), (what) => {
        say(what);
        lookQuietly();
      });
    };
  setInterval(drawTimes, 1000);

  // The token of `core sidecar ui` stands in the fragment, which is never sent; it is taken out of the address at once.
  const token = /^#token=([\w-]+)$/.exec(location.hash)?.[1];
  if (token === undefined) run();
  else {
    history.replaceState(null, '', location.pathname);
    signIn(token).catch((error: unknown) => {
      if (error instanceof Refused && error.status === 401) run();
      else askForToken(inWords(error));
    });
  }
}

start();
