import { isSea } from 'node:sea';
import type { Embedded } from '../embedded.ts';
import { plain } from './plain.ts';

/** What runs the program: Node's version, the platform, and whether Node is inside of the program's own file. */
const runtimeText = (): string =>
  `Node.js ${process.versions.node}, ${process.platform}-${process.arch}, ${isSea() ? 'single executable' : 'script'}`;

/**
 * What `--version` prints: version and commit, a line a key that is built in, and what runs it. It loads nothing, so that the answer
 * is there at once.
 *
 * @param embedded - what the program was built with
 * @param runtime - what runs it; this process unless given
 */
export function versionText({ version, commit, trust }: Embedded, runtime = runtimeText()): string {
  const none = trust === null ? ', NO KEYS: every update is refused' : '';
  const development = trust?.development === true ? ', DEVELOPMENT KEYS' : '';
  return [
    `coresdk-sidecar ${plain(version)} (commit ${plain(commit)}${none}${development})`,
    ...(trust?.keys ?? []).map(
      ({ kid, alg, use, audiences, not_after: end }) =>
        `key ${kid} ${alg} ${use} ${audiences.join(',')}${end === undefined ? '' : ` until ${end}`}`,
    ),
    `runtime ${runtime}`,
  ].join('\n');
}
