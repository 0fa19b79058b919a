import { inject } from 'vitest';
import { createHostOn, type Host, type HostOptions } from './host-on.ts';

export * from './host-on.ts';

/** Makes a host on the program that was built for all tests. Dispose of it: that ends every process that it started. */
export function createHost(options: HostOptions = {}): Promise<Host> {
  return createHostOn(inject('built'), options);
}
