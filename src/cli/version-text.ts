import type { Embedded } from '../embedded.ts';
import { plain } from './plain.ts';

/**
 * What `--version` prints. It loads nothing, so that the answer is there at once.
 *
 * @param embedded - what the program was built with
 */
export function versionText({ version, commit, trust }: Embedded): string {
  const keys = trust === null ? ', NO KEYS: every update is refused' : '';
  const development = trust?.development === true ? ', DEVELOPMENT KEYS' : '';
  return `coresdk-sidecar ${plain(version)} (commit ${plain(commit)}${keys}${development})`;
}
