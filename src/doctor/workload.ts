import { checkExecutable } from '../adapters/executable.ts';
import { workloadEnv } from '../adapters/workload-env.ts';
import { ERROR_CODES } from '../error-codes.ts';
import { fail, pass, skip, warn, type Check, type Finding } from './check.ts';
import type { Patient } from './patient.ts';

/** The program that a start would run now. */
async function command(patient: Patient): Promise<Finding> {
  const { workload } = patient.config;
  const store = patient.inside?.ports.store;
  const current = await store?.current();
  const baseline = workload.binary ?? patient.program;
  const binary = store !== undefined && current?.origin === 'store' ? await store.entry(current) : baseline;
  const word = workload.command[0] ?? '';
  if (binary === null && word.includes('{binary}'))
    return skip('only the daemon knows which program it would start');
  const program = word.replaceAll('{binary}', () => binary ?? '');
  const { PATH } = workloadEnv(patient.env, workload.env, '');
  const path = await checkExecutable(program, PATH);
  return pass(`the workload’s command starts ${path}, which can be executed`);
}

function running({ inside }: Patient): Finding {
  if (inside === null) return skip('only the daemon knows how its workload fares');
  const { state, restarts, ref, lastExit } = inside.ports.workload.status();
  const next = 'Read the workload’s log, and correct `workload.command`.';
  const name = ref?.version ?? 'the workload';
  if (state !== 'running')
    return fail(
      `expected the workload to run, found that it is in ${state}${lastExit === null ? '' : ` (${lastExit})`}`,
      next,
    );
  return restarts === 0
    ? pass(`${name} runs, and was never restarted`)
    : warn(
        `${name} was restarted ${String(restarts)} times, the last time after ${lastExit ?? 'a crash'}`,
        next,
      );
}

async function probe({ inside, ports }: Patient, signal: AbortSignal): Promise<Finding> {
  const { healthy, detail } = await ports.probe.look(signal);
  const { address } = ports.probe;
  if (healthy) return pass(`${address} is healthy: ${detail}`);
  const text = `expected ${address} to be healthy, found ${detail}`;
  const next =
    'Correct `probe` in the configuration, or mend the workload: an update that is not healthy there is rolled back.';
  // Without a daemon there is no workload that could answer.
  return inside === null ? warn(text, next) : fail(text, next);
}

async function journal({ inside }: Patient): Promise<Finding> {
  if (inside === null) return skip('only the daemon opens its journal');
  // A budget of no time at all: written for real, and without meaning.
  await inside.ports.journal.spend('doctor', 0);
  return pass('the journal can be written');
}

/** Whether an update would begin at all. */
function policy({ disabled, inside, config }: Patient): Finding {
  if (disabled !== null)
    return fail(`updates are switched off: ${disabled}`, ERROR_CODES.UPDATES_DISABLED.next);
  const paused = inside?.paused ?? null;
  if (paused !== null)
    return fail(`automatic updates are paused: ${paused.message}`, ERROR_CODES[paused.code].next);
  if (config.update.channel === 'manual')
    return pass('on the manual channel an update comes only from a file that an operator names');
  return pass(`updates come by themselves from ${config.update.channel}`);
}

function approval({ inside, config }: Patient): Finding {
  if (config.update.approval === 'none') return pass('no release needs an approval');
  const waiting = inside?.waiting ?? null;
  return waiting === null
    ? pass('a release needs an approval, and none waits for one')
    : warn(waiting, 'Approve it, and it is installed: `core sidecar approve`.');
}

/** Whether two versions could share their sockets, where they are to run at once. */
function overlap({ config, inside }: Patient): Finding {
  const { swap, listen } = config.workload;
  if (swap !== 'overlap') return pass('one version follows the other: no update runs two at once');
  if (listen.length > 0)
    return pass(`two versions share the ${String(listen.length)} sockets of workload.listen`);
  // Else it would not have started.
  if (inside !== null) return pass('two versions share the sockets that systemd gave the daemon');
  return warn(
    'expected workload.listen beside workload.swap: overlap, found none: the daemon starts only where systemd gives it sockets',
    'Set `workload.listen`, or let a systemd socket unit make the sockets (docs/handover.md).',
  );
}

/** The checks of the workload, the journal, and of what an operator said. */
export function workloadChecks(patient: Patient): Check[] {
  return [
    { name: 'updates.enabled', look: () => Promise.resolve(policy(patient)) },
    { name: 'updates.approval', look: () => Promise.resolve(approval(patient)) },
    { name: 'workload.command', look: () => command(patient) },
    { name: 'workload.overlap', look: () => Promise.resolve(overlap(patient)) },
    { name: 'workload.running', look: () => Promise.resolve(running(patient)) },
    { name: 'probe.answers', look: (signal) => probe(patient, signal) },
    { name: 'journal.write', look: () => journal(patient) },
  ];
}
