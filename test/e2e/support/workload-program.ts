/** How a test's workload behaves. */
export type Behaviour =
  /** 200 from /healthz. */
  | 'healthy'
  /** 500 from /healthz. */
  | 'answers500'
  /** Ends with exit code 3 at once. */
  | 'exits'
  /** Runs and never listens. */
  | 'silent'
  /** Healthy, and does not care for SIGTERM. */
  | 'ignoresSigterm'
  /** 500, and does not care for SIGTERM. */
  | 'answers500Stubborn'
  /** Healthy, but 500 while there is a file with the name `$SICK_FILE`. */
  | 'healthyUnlessSick'
  /** Healthy at its first two looks; then 500 and 200 in turns. */
  | 'flaps'
  /** 500, with a child in its group that ignores SIGTERM and writes its pid to `$CHILD_PID_FILE`. */
  | 'answers500WithChild'
  /** Healthy; its listener is a child in a session of its own, which outlives it and writes its pid to `$CHILD_PID_FILE`. */
  | 'leavesListener'
  /** Healthy for 400 ms, then exit code 7; every time it is started. */
  | 'crashesSoon';

/**
 * The source of a small long-running program that stands in for the sidecar: HTTP on `$PORT`, `/healthz` and `/version`.
 *
 * @param version - what it says on /version
 */
export function workloadProgram(version: string, behaviour: Behaviour): string {
  return `#!/usr/bin/env node
'use strict';
const http = require('node:http');
const fs = require('node:fs');
const { spawn } = require('node:child_process');
const version = ${JSON.stringify(version)};
const behaviour = ${JSON.stringify(behaviour)};
const { PORT, CHILD_PID_FILE, SICK_FILE, CORESDK_CHECK_SOCKET, CORESDK_START, LISTEN_FDNAMES = '' } = process.env;
let looks = 0;
const sick = () => behaviour.startsWith('answers500') || (behaviour === 'flaps' && (looks += 1) > 2 && looks % 2 === 1) || (behaviour === 'healthyUnlessSick' && fs.existsSync(SICK_FILE));
const server = () => http.createServer((request, response) => {
  response.statusCode = request.url === '/healthz' && sick() ? 500 : 200;
  response.setHeader('connection', 'close');
  response.end(version);
});
// Beside another version, the port is free only once that has gone.
const patient = () => server().on('error', () => setTimeout(patient, 10)).listen(Number(PORT), '127.0.0.1');
const listen = () => {
  if (CORESDK_CHECK_SOCKET === undefined) return server().listen(Number(PORT), '127.0.0.1');
  if (CORESDK_START === 'beside') process.once('SIGUSR2', patient);
  else patient();
  return server().listen({ fd: 3 + LISTEN_FDNAMES.split(':').indexOf('check') });
};
if (process.argv[2] === 'listener') {
  listen().on('listening', () => fs.writeFileSync(CHILD_PID_FILE, String(process.pid))).on('error', () => process.exit(1));
  setTimeout(() => process.exit(0), 60000);
} else if (process.argv[2] === 'stubborn') {
  process.on('SIGTERM', () => {});
  fs.writeFileSync(CHILD_PID_FILE, String(process.pid));
  setTimeout(() => process.exit(0), 60000);
} else {
  const child = (role, detached) => spawn(process.execPath, [__filename, role], { stdio: 'ignore', detached }).unref();
  if (behaviour === 'exits') process.exit(3);
  if (behaviour === 'ignoresSigterm' || behaviour === 'answers500Stubborn') process.on('SIGTERM', () => {});
  if (behaviour === 'answers500WithChild') child('stubborn', false);
  if (behaviour === 'leavesListener') child('listener', true);
  else if (behaviour !== 'silent') listen();
  if (behaviour === 'crashesSoon') setTimeout(() => process.exit(7), 400);
  setInterval(() => {}, 1000);
}
`;
}
