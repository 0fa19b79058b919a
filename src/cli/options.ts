/** Options that several commands share, and the parsers of their values. */
import { InvalidArgumentError, type Command } from 'commander';
import semver from 'semver';

/** The product unless told. */
export const DEFAULT_PRODUCT = 'coresdk-sidecar';

/** Adds `--config` and `--socket`. */
export function withDaemon(command: Command): Command {
  return command
    .option(
      '--config <file>',
      'configuration that names the control socket (default /etc/coresdk/sidecar.yaml)',
    )
    .option('--socket <path>', 'the daemon’s control socket; wins over the configuration');
}

/** A parser of a whole number from `min` to `max`. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max)
      throw new InvalidArgumentError(`expected a whole number from ${String(min)} to ${String(max)}`);
    return value;
  };
}

/** Parses a SemVer version. */
export function semverVersion(text: string): string {
  if (semver.valid(text) !== text) throw new InvalidArgumentError('expected a SemVer version such as 1.2.3');
  return text;
}

/** Parses one more version of an option that may be repeated. */
export function moreVersions(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), semverVersion(text)];
}

/** Parses one more value of an option that may be repeated. */
export function more(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), text];
}

/** Parses a length of time: seconds, or with a unit, such as `90min`, `36h` or `7d`. */
export function seconds(text: string): number {
  const [, count, unit = 's'] = /^(\d{1,9})(s|min|h|d)?$/.exec(text) ?? [];
  const factor = { s: 1, min: 60, h: 3600, d: 86_400 }[unit];
  if (count === undefined || factor === undefined)
    throw new InvalidArgumentError('expected seconds, or a length of time such as 36h or 7d');
  return Number(count) * factor;
}

/** Parses an instant of RFC 3339; returns whole seconds since 1970. */
export function instantSeconds(text: string): number {
  const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;
  const at = rfc3339.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at)) throw new InvalidArgumentError('expected an instant such as 2026-03-01T09:00:00Z');
  return Math.floor(at / 1000);
}

/** Parses a share, 0 to 100. */
export function percentage(text: string): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || value > 100)
    throw new InvalidArgumentError('expected a number from 0 to 100');
  return value;
}

/** Parses whom a bundle is for; bundles for stable are always for edge too, where they come first. */
export function bundleAudience(text: string): 'feed' | 'airgap' {
  if (text === 'airgap') return text;
  if (text === 'stable,edge' || text === 'edge,stable') return 'feed';
  throw new InvalidArgumentError('expected `stable,edge` or `airgap`');
}
