/**
 * Every route of the control API, once: the server serves this table, and the OpenAPI document is made from it.
 */
import { UpdateError } from '../errors.ts';
import type { ErrorCode } from '../error-codes.ts';
import { route, specialRoute, type Route, type RouteAnswer } from './route.ts';
import {
  begunAnswer,
  configAnswer,
  historyAnswer,
  logsAnswer,
  quarantineAnswer,
  versionsAnswer,
} from './schemas/answers.ts';
import { attemptProgress } from './schemas/attempts.ts';
import { controlEvent } from './schemas/events.ts';
import {
  applyBody,
  approveBody,
  attemptParams,
  emptyBody,
  eventsQuery,
  historyQuery,
  logsQuery,
  pauseBody,
  quarantineParams,
  rollbackBody,
  sessionBody,
  updateBody,
} from './schemas/requests.ts';
import { fleetSchema } from './schemas/fleet.ts';
import { statusSchema } from './schemas/status.ts';
import { doctorReport, versionView } from './schemas/views.ts';

const begun: RouteAnswer<{ readonly attempt: string }> = {
  status: 202,
  description: 'The attempt has begun.',
  schema: begunAnswer,
};

const nothing: RouteAnswer<undefined> = { status: 204, description: 'Done.', schema: null };

const BEGUN_EXAMPLE = { attempt: '0197f3a2-6c1e-7d3f-9a55-2b1c0d4e5f60' };

/** Why an attempt cannot begin. */
const NOT_NOW: readonly ErrorCode[] = ['BUSY', 'UPDATES_DISABLED', 'UPDATES_PAUSED'];

const started = async (attempt: Promise<string>): Promise<{ attempt: string }> => ({
  attempt: await attempt,
});

const done = async (work: Promise<void>): Promise<undefined> => {
  await work;
  return undefined;
};

/** In the order of the documentation. */
export const ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/v1/status',
    operation: 'status',
    summary: 'What the daemon does, what runs, what it found, and what to do',
    description:
      'The workload’s health is looked at for it, at most once a second. Callers at the same time share one answer; it is never older than the last event or command.',
    errors: [],
    answer: { status: 200, description: 'The status.', schema: statusSchema },
    run: (api) => api.status(),
  }),
  route({
    method: 'GET',
    path: '/v1/history',
    operation: 'history',
    summary: 'The attempts that are remembered, newest first',
    query: historyQuery,
    errors: [],
    answer: { status: 200, description: 'The attempts.', schema: historyAnswer },
    run: async (api, { query: { limit } }) => ({ attempts: await api.history(limit) }),
  }),
  route({
    method: 'GET',
    path: '/v1/attempts/{id}',
    operation: 'attempt',
    summary: 'Where an attempt is, or how it ended',
    params: attemptParams,
    errors: ['ATTEMPT_NOT_FOUND'],
    answer: { status: 200, description: 'The attempt.', schema: attemptProgress },
    run: async (api, { params: { id } }) => {
      const attempt = await api.attempt(id);
      if (attempt === null)
        throw new UpdateError('ATTEMPT_NOT_FOUND', `expected the id of an attempt, found ${id}`);
      return attempt;
    },
  }),
  route({
    method: 'GET',
    path: '/v1/versions',
    operation: 'versions',
    summary: 'The complete versions on disk, newest first',
    errors: [],
    answer: { status: 200, description: 'The versions.', schema: versionsAnswer },
    run: async (api) => ({ versions: await api.versions() }),
  }),
  route({
    method: 'GET',
    path: '/v1/quarantine',
    operation: 'quarantine',
    summary: 'The releases that failed here, newest first',
    errors: [],
    answer: { status: 200, description: 'The releases.', schema: quarantineAnswer },
    run: async (api) => ({ quarantine: await api.quarantine() }),
  }),
  route({
    method: 'DELETE',
    path: '/v1/quarantine/{digest}',
    operation: 'clearQuarantine',
    summary: 'Takes a release out of quarantine',
    params: quarantineParams,
    body: emptyBody,
    errors: ['VERSION_NOT_FOUND'],
    answer: { status: 200, description: 'What was cleared.', schema: versionView },
    run: (api, { params: { digest } }) => api.clearQuarantine(digest),
  }),
  route({
    method: 'GET',
    path: '/v1/logs',
    operation: 'logs',
    summary: 'The newest lines of the log, oldest first',
    description: 'The daemon remembers 500 of them; it forgets them when it stops.',
    query: logsQuery,
    errors: [],
    answer: { status: 200, description: 'The lines.', schema: logsAnswer },
    run: async (api, { query: { limit } }) => ({ lines: await api.logs(limit) }),
  }),
  route({
    method: 'GET',
    path: '/v1/config',
    operation: 'config',
    summary: 'The configuration in force, and where each value came from',
    errors: [],
    answer: { status: 200, description: 'The configuration.', schema: configAnswer },
    answerExample: { config: [{ key: 'update.channel', value: 'edge', from: 'env CORESDK_UPDATE_CHANNEL' }] },
    run: async (api) => ({ config: await api.config() }),
  }),
  route({
    method: 'GET',
    path: '/v1/fleet',
    operation: 'fleet',
    summary:
      'The fleet at a glance: who is there, what runs where, rollouts that are halted, the last outcomes',
    description:
      'Read from NATS for it, at most every ten seconds, and only as far as this host’s account there may read: by default it may not (docs/fleet.md).',
    errors: ['FLEET_NOT_CONFIGURED', 'FLEET_UNREACHABLE'],
    answer: { status: 200, description: 'The fleet.', schema: fleetSchema },
    run: (api) => api.fleet(),
  }),
  specialRoute('events', {
    method: 'GET',
    path: '/v1/events',
    operation: 'events',
    summary: 'What happens, as it happens (server-sent events)',
    description:
      'Each event has `id`, `event` (its `kind`) and `data` (the whole as JSON). `Last-Event-ID`, or `after`, asks first for what is remembered since then. A comment comes every 15 s when nothing happens. A reader that does not read is cut off; it reconnects and goes on.',
    query: eventsQuery,
    errors: ['RATE_LIMITED'],
    answer: {
      status: 200,
      description: 'A stream of events that does not end.',
      schema: controlEvent,
      contentType: 'text/event-stream',
    },
  }),
  route({
    method: 'POST',
    path: '/v1/check',
    operation: 'check',
    summary: 'The ordinary check, now',
    description: 'On the channel `manual` it only reports.',
    body: emptyBody,
    errors: [...NOT_NOW, 'FEED_NOT_CONFIGURED'],
    answer: begun,
    answerExample: BEGUN_EXAMPLE,
    run: (api) => started(api.check()),
  }),
  route({
    method: 'POST',
    path: '/v1/update',
    operation: 'update',
    summary: 'Checks, and installs what it finds',
    description: 'On the channel `manual` it applies `update.bundle_path`.',
    body: updateBody,
    bodyExample: { dry_run: true },
    errors: [...NOT_NOW, 'FEED_NOT_CONFIGURED', 'MANUAL_CHANNEL'],
    answer: begun,
    answerExample: BEGUN_EXAMPLE,
    run: (api, { body }) => started(api.update({ dryRun: body.dry_run })),
  }),
  route({
    method: 'POST',
    path: '/v1/apply',
    operation: 'apply',
    summary: 'Verifies and installs a bundle from a file',
    body: applyBody,
    bodyExample: { path: '/media/usb/coresdk-sidecar-1.4.0.jws' },
    errors: NOT_NOW,
    answer: begun,
    answerExample: BEGUN_EXAMPLE,
    run: (api, { body }) => started(api.apply(body.path)),
  }),
  route({
    method: 'POST',
    path: '/v1/rollback',
    operation: 'rollback',
    summary: 'Goes back to an older version',
    body: rollbackBody,
    bodyExample: { version: '1.2.0' },
    errors: [...NOT_NOW, 'VERSION_NOT_FOUND', 'ROLLBACK_IMPOSSIBLE', 'VERSION_BLOCKED'],
    answer: begun,
    answerExample: BEGUN_EXAMPLE,
    run: (api, { body }) => started(api.rollback(body.version)),
  }),
  route({
    method: 'POST',
    path: '/v1/pause',
    operation: 'pause',
    summary: 'Nothing is updated by itself until a resume, not even after a restart',
    description: 'An update that has not touched the workload yet is put off.',
    body: pauseBody,
    bodyExample: { reason: 'audit until Friday' },
    errors: ['STATE_DIR_UNUSABLE'],
    answer: nothing,
    run: (api, { body }) => done(api.pause(body.reason)),
  }),
  route({
    method: 'POST',
    path: '/v1/resume',
    operation: 'resume',
    summary: 'Ends a pause, by whomever',
    body: emptyBody,
    errors: ['STATE_DIR_UNUSABLE'],
    answer: nothing,
    run: (api) => done(api.resume()),
  }),
  route({
    method: 'POST',
    path: '/v1/approve',
    operation: 'approve',
    summary: 'Approves a release where `update.approval` is `required`',
    body: approveBody,
    bodyExample: { release: '1.4.0' },
    errors: ['NOTHING_TO_APPROVE', 'STATE_DIR_UNUSABLE'],
    answer: { status: 200, description: 'What was approved.', schema: versionView },
    run: (api, { body }) => api.approve(body.release),
  }),
  route({
    method: 'POST',
    path: '/v1/retry',
    operation: 'retry',
    summary: 'Runs a rollback that failed once more',
    body: emptyBody,
    errors: ['BUSY'],
    answer: nothing,
    run: (api) => done(api.retry()),
  }),
  route({
    method: 'POST',
    path: '/v1/doctor',
    operation: 'doctor',
    summary: 'Whether the next update would go through, as seen from inside the daemon’s sandbox',
    description: 'Callers at the same time share one examination.',
    body: emptyBody,
    errors: [],
    answer: { status: 200, description: 'What was found.', schema: doctorReport },
    run: (api) => api.doctor(),
  }),
  specialRoute('session', {
    method: 'POST',
    path: '/v1/session',
    operation: 'session',
    summary: 'Gives a browser a cookie in exchange for the token',
    description:
      'For pages of this listener, whose EventSource cannot send a token. The cookie is HttpOnly and SameSite=Strict, holds no token, and is good for 12 hours, or until the daemon stops.',
    body: sessionBody,
    errors: [],
    answer: { status: 204, description: 'The cookie is set.', schema: null },
    listener: 'tcp',
    open: true,
  }),
  specialRoute('endSession', {
    method: 'DELETE',
    path: '/v1/session',
    operation: 'endSession',
    summary: 'Takes the cookie back',
    errors: [],
    answer: { status: 204, description: 'The cookie is gone from this browser.', schema: null },
    listener: 'tcp',
    open: true,
  }),
  specialRoute('metrics', {
    method: 'GET',
    path: '/metrics',
    operation: 'metrics',
    summary: 'Metrics for Prometheus',
    errors: [],
    answer: {
      status: 200,
      description: 'The metrics.',
      schema: null,
      contentType: 'text/plain; version=0.0.4; charset=utf-8',
    },
  }),
  specialRoute('openapi', {
    method: 'GET',
    path: '/openapi.json',
    operation: 'openapi',
    summary: 'This document',
    errors: [],
    answer: { status: 200, description: 'OpenAPI 3.1.', schema: null, contentType: 'application/json' },
  }),
];
