/**
 * The update machine once more, by hand, from the table in the design: small, and written without looking at
 * `src/machines`. The walks hold the real machine against it after every event.
 */
import { ERROR_CODES, type ErrorCode } from '../../../src/error-codes.ts';
import type { StepName, Steps } from '../../../src/steps.ts';
import type { StateName } from '../../../src/types.ts';

/** What is compared. */
export interface Reference {
  state: StateName;
  attempt: string | null;
  /** The attempt that ended last, and how; forgotten once somebody resumes, retries, or a watch was calm. */
  ended: { readonly id: string; readonly outcome: string } | null;
  paused: ErrorCode | null;
  /** The version that is watched. */
  watched: string | null;
  /** Whether a release that failed is not recorded yet. */
  owing: boolean;
}

/** The reference, and what it can be told. */
export interface ReferenceModel {
  readonly now: Readonly<Reference>;
  done<Name extends StepName>(service: Name, output: Steps[Name]['output']): void;
  failed(service: StepName, code: ErrorCode): void;
  told(event: 'CHECK' | 'APPLY' | 'ROLLBACK', attempt: string, report: boolean): void;
  pausedBy(operator: ErrorCode): void;
  resumed(): void;
  retried(): void;
  restarted(): void;
}

/** Makes a model that has just started. */
export function referenceModel(): ReferenceModel {
  const now: Reference = {
    state: 'recovering',
    attempt: null,
    ended: null,
    paused: null,
    watched: null,
    owing: false,
  };
  // Of the attempt under way.
  let report = false;
  let fullLeft = false;
  let turned = false;
  let going: { readonly to: string } | null = null;
  // The release carries a daemon that is to take this one's place; its workload is committed already.
  let daemonToo = false;
  let committed = false;
  // What an operator wished last, since the daemon started; `undefined` while nothing was said.
  let wish: ErrorCode | null | undefined;

  /** A pause by a fault stands before an operator's. */
  const wished = (): ErrorCode | null => wish ?? null;
  const isFault = (): boolean => now.paused !== null && now.paused !== 'UPDATES_PAUSED';

  const begin = (id: string, state: StateName, reports = false): void => {
    Object.assign(now, { attempt: id, state, owing: false });
    report = reports;
    fullLeft = false;
    turned = false;
    going = null;
    daemonToo = false;
    committed = false;
  };
  const end = (outcome: string): void => {
    now.ended = { id: now.attempt ?? '', outcome };
    Object.assign(now, { state: 'idle', attempt: null, owing: false });
    turned = false;
    going = null;
    daemonToo = false;
    committed = false;
  };
  const goBack = (): void => {
    turned = true;
    now.state = 'rollingBack';
  };
  const outcomeOf = (code: ErrorCode): string =>
    ({ 3: 'refused', 5: 'deferred' })[ERROR_CODES[code].exit as number] ?? 'error';

  /** A step before the swap failed: the full bundle, or the end. */
  const beforeSwap = (service: StepName, code: ErrorCode): void => {
    // The feed answers, but not with the delta that the head names.
    const notThere = ['FEED_REFUSED', 'FEED_REDIRECTED', 'DOWNLOAD_TOO_LARGE', 'DOWNLOAD_TRUNCATED'];
    const wrong = ERROR_CODES[code].blames === 'bundle' || notThere.includes(code);
    if ((service === 'download' || service === 'verify') && fullLeft && wrong) {
      fullLeft = false;
      now.state = 'downloading';
    } else end(outcomeOf(code));
  };

  const recovered = (output: Steps['recover']['output']): void => {
    now.watched = output.watch?.version.version ?? null;
    if (wish === undefined) wish = output.paused?.code ?? null;
    now.paused = wished();
    if (output.next === 'idle') {
      const { ended } = output;
      now.ended = ended === null ? null : { id: ended.attempt.id, outcome: ended.outcome };
      now.state = 'idle';
      return;
    }
    now.attempt = output.attempt.id;
    going = { to: output.plan.to.version };
    daemonToo = output.next === 'handingOver';
    committed = output.next === 'handingOver' && output.afterCommit;
    now.state = output.next;
    turned = output.next === 'rollingBack';
  };

  const done = (service: StepName, output: unknown): void => {
    const given = <Name extends StepName>(_: Name): Steps[Name]['output'] => output as Steps[Name]['output'];
    switch (service) {
      case 'recover':
        recovered(given('recover'));
        break;
      case 'schedule':
        begin(given('schedule').id, 'checking');
        break;
      case 'watch': {
        const seen = given('watch');
        if (seen.saw === 'calm') Object.assign(now, { watched: null, ended: null });
        if (seen.saw !== 'crashLoop') break;
        begin(seen.attempt.id, 'rollingBack');
        now.watched = null;
        going = { to: seen.plan.to.version };
        goBack();
        break;
      }
      case 'check': {
        const found = given('check');
        if (found.found === 'nothing') end('nothing');
        else if (report) end('available');
        else {
          now.state = 'downloading';
          fullLeft = found.offer.full !== undefined;
        }
        break;
      }
      case 'download':
        now.state = 'verifying';
        break;
      case 'verify':
        if (given('verify').unpacked === null) end('nothing');
        else now.state = 'staging';
        break;
      case 'stage':
        now.state = 'waiting';
        break;
      case 'gate': {
        const passed = given('gate');
        if (!passed.go) {
          end('deferred');
          break;
        }
        going = { to: passed.plan.to.version };
        daemonToo = passed.successor !== null;
        now.state = { swap: 'swapping', overlap: 'overlapping', handOver: 'handingOver' }[
          passed.way
        ] as StateName;
        break;
      }
      case 'overlap':
        now.state = 'draining';
        break;
      case 'swap':
      case 'drain':
        now.state = 'probing';
        break;
      case 'probe':
        now.state = 'committed';
        break;
      case 'commit':
        now.watched = given('commit').version.version;
        committed = true;
        if (daemonToo) now.state = 'handingOver';
        else end('committed');
        break;
      case 'handOver':
        end('committed');
        break;
      case 'rollback':
        now.state = 'rolledBack';
        break;
      case 'quarantine':
        if (now.paused === 'QUARANTINE_FAILED') now.paused = wished();
        end(committed ? 'committed' : 'rolledBack');
        break;
    }
  };

  return {
    now,
    done,
    failed: (service, code) => {
      switch (now.state) {
        case 'idle':
          now.paused = code;
          break;
        case 'recovering':
          now.paused = code;
          now.state = 'failed';
          break;
        case 'swapping':
        case 'overlapping':
        case 'draining':
        case 'probing':
          goBack();
          break;
        case 'handingOver':
          // The workload runs on; only the daemon is judged.
          now.state = 'rolledBack';
          break;
        case 'committed': {
          // It runs and is healthy: it is watched like any other, and goes back if it crashes.
          now.watched = going?.to ?? null;
          end(outcomeOf(code));
          break;
        }
        case 'rollingBack':
          now.ended = { id: now.attempt ?? '', outcome: 'failed' };
          now.state = 'failed';
          break;
        case 'rolledBack':
          now.ended = { id: now.attempt ?? '', outcome: committed ? 'committed' : 'rolledBack' };
          Object.assign(now, { state: 'idle', paused: code, owing: true });
          break;
        default:
          beforeSwap(service, code);
      }
    },
    told: (event, attempt, reports) => {
      if (now.state !== 'idle' || now.owing) return;
      if (event === 'ROLLBACK') now.watched = null;
      begin(
        attempt,
        event === 'CHECK' ? 'checking' : event === 'APPLY' ? 'downloading' : 'rollingBack',
        reports,
      );
      if (event !== 'ROLLBACK') return;
      going = { to: '' };
      goBack();
    },
    pausedBy: (operator) => {
      wish = operator;
      if (!isFault()) now.paused = operator;
      // What has not touched the workload is put off.
      if (['checking', 'downloading', 'verifying', 'staging', 'waiting'].includes(now.state)) end('deferred');
    },
    resumed: () => {
      wish = null;
      if (now.state !== 'idle') {
        if (!isFault()) now.paused = null;
        return;
      }
      Object.assign(now, {
        paused: null,
        ended: null,
        state: now.owing ? 'rolledBack' : 'idle',
        owing: false,
      });
    },
    retried: () => {
      if (now.state !== 'failed') return;
      if (!turned) {
        now.state = 'recovering';
        return;
      }
      now.ended = null;
      now.state = 'rollingBack';
    },
    restarted: () => {
      Object.assign(now, {
        state: 'recovering',
        attempt: null,
        ended: null,
        paused: null,
        watched: null,
        owing: false,
      });
      turned = false;
      going = null;
      daemonToo = false;
      committed = false;
      wish = undefined;
    },
  };
}
