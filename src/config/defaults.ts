/** Where the configuration is unless `--config` says otherwise. */
export const DEFAULT_CONFIG_PATH = '/etc/coresdk/sidecar.yaml';

/** Where everything is kept unless `state_dir` says otherwise. */
export const DEFAULT_STATE_DIR = '/var/lib/coresdk';
