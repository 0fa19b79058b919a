/** Feeds for people. Pure. */
import type { HeadRollout, RolloutLine } from '../bundle/head.ts';
import { rolloutShare } from '../bundle/rollout.ts';
import type { FeedDelta } from '../publish/feed-deltas.ts';
import type { Finding, FindingLevel } from '../publish/feed-findings.ts';
import type { Published } from '../publish/head-options.ts';
import type { FeedReport } from '../publish/verify-feed.ts';
import { bytes, share } from './bytes.ts';
import { plain } from './plain.ts';
import type { Style } from './style.ts';
import { instant, span } from './time.ts';

/** What a feed says now: one line. `did` is what was done, for a head that changed. */
export function publishedText(did: string, { head, changed, path }: Published): string {
  const place = `${head.epoch === 0 ? '' : `epoch ${String(head.epoch)}, `}sequence ${String(head.seq)}`;
  const until = instant(new Date(head.exp * 1000).toISOString());
  return `${changed ? did : 'nothing changed:'} ${plain(head.version)} on ${head.sub}, ${place}, expires ${until}: ${plain(path)}`;
}

/** Whom a release is offered to, now and later: a line for all hosts, and one for each group. */
export function rolloutText(rollout: HeadRollout | undefined, now: number): string[] {
  if (rollout === undefined) return ['offered to every host'];
  const line = (name: string, it: RolloutLine): string => {
    const at = (seconds: number): string => instant(new Date(seconds * 1000).toISOString());
    const offered = `${(rolloutShare(it, now) * 100).toFixed(1).replace(/\.0$/, '')} % now`;
    const until = it.duration === undefined ? '' : `, all by ${at(it.start + it.duration)}`;
    const since = it.start * 1000 > now ? 'from' : 'since';
    return `offered to ${name}: ${offered}, ${since} ${at(it.start)}${until}`;
  };
  const groups = Object.entries(rollout.groups ?? {});
  return [
    line(groups.length === 0 ? 'hosts' : 'other hosts', rollout),
    ...groups.map(([name, it]) => line(`group ${name}`, it)),
  ];
}

/** A delta that was asked for: one line. */
export function deltaText({ from, platform, path, size, fullSize, outcome }: FeedDelta): string {
  const about = `delta from ${plain(from)} for ${platform}`;
  const sizes = `${bytes(size)}, ${share(size, fullSize)} of the full bundle`;
  if (outcome === 'useless') return `no ${about}: it would save nothing (${sizes})`;
  return `${outcome === 'made' ? 'made' : 'kept'} the ${about}, ${sizes}: ${plain(path)}`;
}

/** Heads for other keys, which were not renewed: a line each. */
export function leftText({ left }: Published): string[] {
  return left.map(
    ({ kid, path, expires }) =>
      `note: ${plain(path)} was not renewed and is good until ${instant(new Date(expires).toISOString())}: give --key for ${kid} too, or remove the file`,
  );
}

/** What a check of a feed found: a line each, and the verdict. */
export function feedReportText(report: FeedReport, now: number, style: Style): string {
  const words: Record<FindingLevel, string> = {
    ok: style.good('ok     '),
    warning: style.warn('warning'),
    fault: style.bad('FAULT  '),
  };
  const line = ({ path, level, code, message }: Finding): string =>
    `${words[level]}  ${plain(path)}: ${plain(message)}${code === null ? '' : ` [${code}]`}`;
  const ends = report.channels.map(
    ({ channel, version, expires }) =>
      `${channel} ${plain(version)}, expires in ${span(Date.parse(expires) - now)} (${instant(expires)})`,
  );
  const faults = report.findings.filter(({ level }) => level === 'fault').length;
  const verdict = report.ok
    ? style.good('the feed is right')
    : style.bad(`${String(faults)} ${faults === 1 ? 'fault' : 'faults'}: clients would refuse it`);
  return [...report.findings.map(line), `${verdict}: ${ends.join('; ')}`.replace(/: $/, '')].join('\n');
}
