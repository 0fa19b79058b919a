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

/** Parses whom a bundle is for; bundles for stable are always for edge too, where they come first. */
export function bundleAudience(text: string): 'feed' | 'airgap' {
  if (text === 'airgap') return text;
  if (text === 'stable,edge' || text === 'edge,stable') return 'feed';
  throw new InvalidArgumentError('expected `stable,edge` or `airgap`');
}
