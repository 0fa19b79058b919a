/** The way on which everything goes well, of each machine: what stands in the middle of its picture. */
export const HAPPY_PATHS = {
  update: [
    'idle',
    'checking',
    'downloading',
    'verifying',
    'staging',
    'waiting',
    'swapping',
    'probing',
    'committed',
    'idle',
  ],
  workload: ['stopped', 'starting', 'running', 'stopping', 'stopped'],
} as const satisfies Record<string, readonly string[]>;
