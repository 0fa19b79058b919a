/** A daemon that crashes as soon as it is started; its self-test knows nothing of it. */
export function runDaemon(): Promise<number> {
  process.stderr.write('a fault that no self-test finds\n');
  process.abort();
}
