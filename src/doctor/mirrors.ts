/**
 * Each mirror of the feed by itself. The feed as a whole asks the next where one fails, so that it hides what is wrong with any.
 *
 * Invariant: what is asked here changes nothing in what the daemon remembers of its mirrors.
 */
import { createFeed } from '../adapters/feed.ts';
import { createHttpClient } from '../adapters/http-client.ts';
import { openTlsFiles } from '../adapters/tls-files.ts';
import type { Head } from '../bundle/head.ts';
import { UpdateError } from '../errors.ts';
import { pass, warn, type Check, type Finding } from './check.ts';
import { lookAtHead, type HeadLook } from './feed.ts';
import type { Patient } from './patient.ts';

/** The feed and its mirrors, in the order in which they are asked; none where there is but one. */
function urlsOf({ config, embedded }: Patient): string[] {
  const { feedUrl, mirrors } = config.update;
  const first = feedUrl ?? embedded.feedUrl;
  const urls = [...new Set([...(first === null ? [] : [first]), ...mirrors])];
  return urls.length < 2 ? [] : urls;
}

async function lookAtMirror(patient: Patient, url: string, signal: AbortSignal): Promise<HeadLook> {
  const { update, http } = patient.config;
  try {
    const tls = await openTlsFiles(http);
    const client = url.startsWith('file:') ? undefined : createHttpClient({ proxies: http.proxies, tls });
    const feed = createFeed(url, { client, stallMs: update.stallTimeoutMs, retries: 0 });
    try {
      return await lookAtHead({ ...patient, ports: { ...patient.ports, feed } }, signal);
    } finally {
      await feed.close();
    }
  } catch (thrown) {
    return { kind: 'unanswered', error: UpdateError.from(thrown) };
  }
}

const newer = (a: Head, b: Head): boolean => a.epoch > b.epoch || (a.epoch === b.epoch && a.seq > b.seq);
const place = ({ epoch, seq }: Head): string => `epoch ${String(epoch)} seq ${String(seq)}`;

function judge(url: string, look: HeadLook, all: readonly HeadLook[]): Finding {
  if (look.kind === 'notAsked') return look.why;
  if (look.kind !== 'head') {
    const { message, info } = look.error;
    // The others are asked: it delays, and keeps no update away.
    return warn(message.includes(url) ? message : `${url}: ${message}`, info.next);
  }
  const { head } = look;
  const newest = all.reduce(
    (found, it) => (it.kind === 'head' && newer(it.head, found) ? it.head : found),
    head,
  );
  if (newer(newest, head))
    return warn(
      `${url} is behind: its ${head.sub} head is ${place(head)}, that of another mirror ${place(newest)}`,
      'Copy the feed to it: the bundles first, the heads last.',
    );
  return pass(`${url} answers with the newest ${head.sub} head (${place(head)})`);
}

/**
 * A check for each mirror, `feed.mirror.1` being the feed itself; none where there are no mirrors.
 *
 * @param boundMs - the longest that a mirror may take, ms
 */
export function mirrorChecks(patient: Patient, boundMs: number): Check[] {
  const urls = urlsOf(patient);
  let asked: Promise<readonly HeadLook[]> | null = null;
  const looks = (): Promise<readonly HeadLook[]> =>
    (asked ??= Promise.all(urls.map((url) => lookAtMirror(patient, url, AbortSignal.timeout(boundMs)))));
  return urls.map((url, index) => ({
    name: `feed.mirror.${String(index + 1)}`,
    look: async () => {
      const all = await looks();
      return judge(url, all[index] ?? { kind: 'unanswered', error: new UpdateError('INTERNAL', url) }, all);
    },
  }));
}
