/**
 * What an operator may ask of the daemon: the control API's commands, as events for the update machine.
 *
 * Invariant: whether a command can be taken is looked at and its event sent in one go, with nothing awaited in between, so that
 * two commands never begin two attempts.
 */
import semver from 'semver';
import type { ActorRefFrom, SnapshotFrom } from 'xstate';
import type { Config } from '../config/index.ts';
import type { ConfigEntry, ControlApi, DoctorReport } from '../control/api.ts';
import { selectTarget } from '../bundle/head-document.ts';
import { UpdateError } from '../errors.ts';
import type { updateMachine } from '../machines/update.machine.ts';
import type { UpdateEvent } from '../machines/update.types.ts';
import { storedHead } from '../services/heads.ts';
import type { Ports } from '../services/ports.ts';
import type { Attempt, Plan, Release, Trigger, VersionRef } from '../types.ts';
import { endedView, type Board } from './board.ts';
import type { EventHub } from './events.ts';
import { noFleet, type Fleet } from './fleet.ts';
import { attemptView, quarantineView, storedVersionViews, versionView } from './status.ts';

type Snapshot = SnapshotFrom<typeof updateMachine>;

/** What the commands work on. */
export interface CommandsOptions {
  readonly ports: Ports;
  readonly actor: ActorRefFrom<typeof updateMachine>;
  readonly board: Board;
  readonly hub: EventHub;
  readonly config: Config;
  /** The configuration, with where each key came from. */
  readonly settings: readonly ConfigEntry[];
  /** Looks whether the next update would go through. */
  readonly doctor: () => Promise<DoctorReport>;
  readonly disabled: string | null;
  readonly status: ControlApi['status'];
  /** null, or left out, where no fleet is configured. */
  readonly fleet?: Pick<Fleet, 'glance'> | null;
}

/** The version that an operator's rollback leads to. */
async function rollbackTarget(ports: Ports, current: VersionRef, wanted: string | null): Promise<VersionRef> {
  const versions = await ports.store.list();
  const committed = versions.filter(
    ({ ref, mark }) => mark !== null && semver.lt(ref.version, current.version),
  );
  if (wanted !== null && wanted !== ports.store.baseline.version) {
    const found = committed.find(({ ref }) => ref.version === wanted);
    if (found !== undefined) return found.ref;
    const known = committed.map(({ ref }) => ref.version).join(', ');
    throw new UpdateError(
      'VERSION_NOT_FOUND',
      `expected a version below ${current.version} that was committed here (${known === '' ? 'there is none' : known}), found ${wanted}`,
    );
  }
  if (current.origin === 'baseline')
    throw new UpdateError(
      'ROLLBACK_IMPOSSIBLE',
      `${current.version} runs, which was there before any update`,
    );
  if (wanted !== null) return ports.store.baseline;
  const previous = versions.find(({ ref }) => ref.digest === current.digest)?.mark?.previous;
  const kept = committed.find(({ ref }) => previous?.origin === 'store' && ref.digest === previous.digest);
  return (
    kept?.ref ?? (previous?.origin === 'baseline' ? previous : (committed[0]?.ref ?? ports.store.baseline))
  );
}

async function refuseBlocked(ports: Ports, target: VersionRef): Promise<void> {
  for (const channel of ['stable', 'edge'] as const) {
    const stored = await storedHead(ports, channel, 'any');
    if (stored?.head.blocked?.includes(target.version) === true)
      throw new UpdateError('VERSION_BLOCKED', `${target.version} is blocked by the ${channel} head`);
  }
}

/** The release that an operator may approve: the one that waits, or one that a stored head names. */
async function toApprove(
  ports: Ports,
  { value, context }: Snapshot,
  approval: Config['update']['approval'],
  wanted: string | null,
): Promise<Release> {
  if (approval === 'none')
    throw new UpdateError(
      'NOTHING_TO_APPROVE',
      'no release needs an approval here (update.approval is `none`)',
    );
  const known = value === 'waiting' && context.release !== null ? [context.release] : [];
  if (wanted !== null)
    for (const channel of ['stable', 'edge'] as const) {
      const stored = await storedHead(ports, channel, 'any');
      const digest =
        stored === null ? undefined : selectTarget(stored.head, ports.host.platform)?.release_digest;
      if (stored !== null && digest !== undefined) known.push({ version: stored.head.version, digest });
    }
  const found = known.find(
    ({ version, digest }) =>
      wanted === null || version === wanted || (wanted.length >= 8 && digest.startsWith(wanted)),
  );
  if (found !== undefined) return { version: found.version, digest: found.digest };
  throw new UpdateError(
    'NOTHING_TO_APPROVE',
    wanted === null
      ? 'expected a release that waits for an approval, found none'
      : `expected the release that waits, or one that an accepted head names, found ${wanted}`,
  );
}

/** Makes what the control server exposes. */
export function createCommands(options: CommandsOptions): ControlApi {
  const { ports, actor, board, hub, disabled } = options;
  const { channel, bundlePath, approval } = options.config.update;

  const begin = (
    trigger: Trigger,
    mode: Attempt['mode'],
    event: (attempt: Attempt) => UpdateEvent,
  ): string => {
    if (disabled !== null) throw new UpdateError('UPDATES_DISABLED', `no updates on this host: ${disabled}`);
    const { value, context } = actor.getSnapshot();
    if (value === 'failed')
      throw new UpdateError(
        'BUSY',
        'a rollback failed and is not mended yet: run `core sidecar retry` first',
      );
    if (value !== 'idle')
      throw new UpdateError('BUSY', `attempt ${context.attempt?.id ?? '(start-up)'} is in ${value}`);
    if (context.verdict !== null)
      throw new UpdateError(
        'UPDATES_PAUSED',
        'the last failed release could not be put into quarantine: run `core sidecar resume` first',
      );
    const attempt: Attempt = { id: ports.ids.next(), trigger, mode };
    actor.send(event(attempt));
    return attempt.id;
  };
  const check = (trigger: Trigger, mode: Attempt['mode']): string =>
    begin(trigger, mode, (attempt) => ({ type: 'CHECK', attempt }));
  const apply = (trigger: Trigger, path: string): string =>
    begin(trigger, 'apply', (attempt) => ({ type: 'APPLY', attempt, path }));

  return {
    status: options.status,
    fleet: async () => {
      const { fleet = null } = options;
      if (fleet === null) throw noFleet();
      return fleet.glance();
    },
    history: async (limit) => (await ports.journal.history(limit)).map(attemptView),
    attempt: (id) => {
      const { value, context } = actor.getSnapshot();
      // A failed rollback that is retried is under way again, though it was told as ended before.
      const underWay = context.attempt?.id === id && context.ended?.attempt.id !== id;
      if (!underWay) {
        const ended = board.find(id);
        return Promise.resolve(ended === null ? null : endedView(ended));
      }
      return Promise.resolve({
        id,
        state: value,
        from: context.plan?.from.version ?? null,
        to: context.plan?.to.version ?? context.release?.version ?? null,
        progress: board.progress(),
        ended: null,
      });
    },
    check: async () => check('check', channel === 'manual' ? 'report' : 'apply'),
    update: async ({ dryRun }) => {
      if (dryRun) return check('update', 'report');
      if (channel === 'manual' && bundlePath !== null) return apply('update', bundlePath);
      return check('update', 'apply');
    },
    apply: async (path) => apply('bundle', path),
    rollback: async (version) => {
      const current = await ports.store.current();
      const plan: Plan = { from: await rollbackTarget(ports, current, version), to: current };
      await refuseBlocked(ports, plan.from);
      const message = `an operator asked to go back from ${current.version} to ${plan.from.version}`;
      const verdict = {
        error: { code: 'ROLLED_BACK_BY_OPERATOR' as const, message },
        evidence: [],
        interruptions: 0,
      };
      return begin('rollback', 'apply', (attempt) => ({ type: 'ROLLBACK', attempt, plan, verdict }));
    },
    versions: async () => storedVersionViews(await ports.store.list(), await ports.store.current()),
    quarantine: async () => (await ports.quarantine.list()).map(quarantineView),
    logs: (limit) => Promise.resolve(hub.logs(limit)),
    config: () => Promise.resolve(options.settings),
    doctor: options.doctor,
    events: (listener, after) => hub.subscribe(listener, after),
    pause: async (reason) => {
      const message =
        reason === null ? 'an operator paused updates' : `an operator paused updates: ${reason}`;
      const error = { code: 'UPDATES_PAUSED', message } as const;
      // First what outlasts a restart.
      await ports.pauses.write(error);
      actor.send({ type: 'PAUSE', error });
    },
    approve: async (wanted) => {
      const release = await toApprove(ports, actor.getSnapshot(), approval, wanted);
      await ports.approvals.add({ ...release, at: ports.clock.now() });
      return release;
    },
    resume: async () => {
      await ports.pauses.clear();
      actor.send({ type: 'RESUME' });
    },
    retry: async () => {
      if (!actor.getSnapshot().matches('failed'))
        throw new UpdateError('BUSY', 'expected a failed rollback to retry, found none');
      actor.send({ type: 'RETRY' });
    },
    clearQuarantine: async (wanted) => {
      const entries = await ports.quarantine.list();
      const found = entries.filter(
        ({ digest, version }) => version === wanted || (wanted.length >= 8 && digest.startsWith(wanted)),
      );
      const [entry] = found;
      // A version may have failed as a release and as a daemon: both are meant by its name.
      const isOne = found.filter(({ role }) => role === entry?.role).length === 1;
      if (entry === undefined || !isOne)
        throw new UpdateError(
          'VERSION_NOT_FOUND',
          `expected one quarantined release that fits ${wanted}, found ${String(found.length)}`,
        );
      // First, so that an operator who is told of a fault finds it still in quarantine, and asks again.
      for (const { digest } of found) {
        await ports.journal.pardon(digest);
        await ports.quarantine.clear(digest);
      }
      return versionView({ origin: 'store', version: entry.version, digest: entry.digest });
    },
  };
}
