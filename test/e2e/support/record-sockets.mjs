// Preloaded into a daemon (`node --import`): writes down every way out of the process, before it is taken. Append only, and at once,
// so that a daemon that is killed has told of it too. SOCKETS_FILE names the file.
import { appendFileSync } from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';

const require = createRequire(import.meta.url);
const net = require('node:net');
const dns = require('node:dns');
const dgram = require('node:dgram');

const file = process.env.SOCKETS_FILE;
const tell = (what) => appendFileSync(file, `${what}\n`);

const { connect } = net.Socket.prototype;
net.Socket.prototype.connect = function (...args) {
  // `net.connect` hands over its arguments as one list that it has sorted already.
  const [first] = Array.isArray(args[0]) ? args[0] : args;
  const {
    path,
    host = 'localhost',
    port,
  } = typeof first === 'object' ? first : { port: first, host: args[1] };
  tell(typeof path !== 'string' ? `tcp ${host}:${port}` : `unix ${path}`);
  return connect.apply(this, args);
};

for (const owner of [dns, dns.promises])
  for (const name of Object.keys(owner).filter((name) => /^(lookup|resolve|reverse)/.test(name))) {
    const real = owner[name];
    owner[name] = (...args) => {
      tell(`dns ${args[0]}`);
      return real.apply(owner, args);
    };
  }

const { createSocket } = dgram;
dgram.createSocket = (...args) => {
  tell('udp');
  return createSocket(...args);
};

syncBuiltinESMExports();
tell('recording');
