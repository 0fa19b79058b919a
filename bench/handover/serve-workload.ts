/** The built-in sidecar service as a workload of its own: a Node program that takes `LISTEN_FDS` and drains. Bundled by `workloads.ts`. */
import { runServe } from '../../src/sidecar/serve.ts';

declare const WORKLOAD_VERSION: string;

void runServe({ env: process.env, version: WORKLOAD_VERSION, stderr: process.stderr }).then((code) => {
  process.exitCode = code;
});
