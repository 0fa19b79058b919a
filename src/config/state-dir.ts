import { parseConfig, readConfigFile } from './document.ts';
import { DEFAULT_CONFIG_PATH, DEFAULT_STATE_DIR } from './defaults.ts';

/**
 * The state directory that a configuration names, though the rest of it may be meant for a newer daemon and have keys that this program
 * does not know.
 *
 * @param path - the file; the default path unless given
 * @returns null where the file says nothing that can be read
 */
export async function stateDirIn(path: string | undefined): Promise<string | null> {
  try {
    const file = path ?? DEFAULT_CONFIG_PATH;
    const bytes = await readConfigFile(file);
    const value = bytes === null ? {} : parseConfig(bytes, file).value;
    const found = (value as Readonly<Record<string, unknown>>)['state_dir'] ?? DEFAULT_STATE_DIR;
    return typeof found === 'string' && found.startsWith('/') ? found : null;
  } catch {
    // Whoever starts now reads it again, and says what is wrong with it.
    return null;
  }
}
