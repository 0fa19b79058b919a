/**
 * The source of a small program of which two versions can run at once: it takes its sockets by `LISTEN_FDS`, is asked at its check
 * address, and takes no clients beside another before SIGUSR2. For every client that it answers it writes a line to `$ANSWERED_FILE`.
 *
 * @param version - what it answers, and writes
 * @param health - the status of `/healthz`
 */
export function overlappingProgram(version: string, health: 200 | 500): Buffer {
  return Buffer.from(`#!/usr/bin/env node
'use strict';
const http = require('node:http');
const net = require('node:net');
const fs = require('node:fs');
const names = (process.env.LISTEN_FDNAMES || '').split(':');
const check = 3 + names.indexOf('check');
const answer = (isClient) => http.createServer((request, response) => {
  if (isClient && request.url === '/') fs.appendFileSync(process.env.ANSWERED_FILE, '${version}\\n');
  response.statusCode = request.url === '/healthz' ? ${String(health)} : 200;
  response.setHeader('connection', 'close');
  response.end('${version}');
});
const open = [];
const serve = () => {
  for (let fd = 3; fd < 3 + names.length; fd += 1)
    if (fd !== check) open.push(answer(true).listen({ fd }));
};
if (process.env.CORESDK_START === 'beside') process.once('SIGUSR2', serve);
else serve();
answer(false).listen({ fd: check });
process.on('SIGTERM', () => {
  let left = open.length;
  // http.Server's own close() would cut off who has connected and whose request is still on its way.
  for (const server of open) net.Server.prototype.close.call(server, () => (left -= 1) === 0 && process.exit(0));
  if (left === 0) process.exit(0);
});
`);
}
