import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createProbe, type ProbeSettings } from '../../src/adapters/probe.ts';
import { createScriptedProbe, type Sight } from '../fakes/scripted-probe.ts';
import {
  healthProbeContract,
  type ProbeKind,
  type ProbeSight,
  type ProbeWorld,
} from './contracts/health-probe.contract.ts';
import { ANYWHERE, open, openGrpc, openRaw, type OpenServer, type Place } from './fixtures/probe-servers.ts';

const SETTINGS: ProbeSettings = {
  url: 'http://127.0.0.1:1/healthz',
  socket: null,
  exec: null,
  status: [200],
  body: null,
  headers: {},
  caFile: null,
  timeoutMs: 300,
};
const SILENT = /^no answer in 0\.3 s$/;
const REFUSED = /^connection refused$/;

/** A world whose server is started and ended as the sights demand, always at the same place. */
async function served(
  serve: (sight: () => ProbeSight, place: Place) => Promise<OpenServer>,
  settings: (port: number) => Partial<ProbeSettings>,
  first: Place = ANYWHERE,
): Promise<ProbeWorld> {
  let sight: ProbeSight = 'healthy';
  let server: OpenServer | null = await serve(() => sight, first);
  const { port } = server;
  const place: Place = 'path' in first ? first : { port, host: '127.0.0.1' };
  return {
    probe: await createProbe({ ...SETTINGS, ...settings(port) }),
    show: async (next) => {
      sight = next;
      if (next === 'refused') {
        await server?.close();
        server = null;
      } else server ??= await serve(() => sight, place);
    },
    close: async () => server?.close(),
  };
}

const http = (sight: () => ProbeSight, place: Place): Promise<OpenServer> => {
  const listener: RequestListener = (_, response) => {
    if (sight() !== 'silent') response.writeHead(sight() === 'healthy' ? 200 : 500).end('{}');
  };
  return open(createServer(listener), place);
};
const grpc = (sight: () => ProbeSight, place: Place): Promise<OpenServer> =>
  openGrpc(() => (sight() === 'silent' ? undefined : sight() === 'healthy' ? 'SERVING' : 'NOT_SERVING'), {
    place,
  });

/** A world in a folder of its own, for what lies on disk. */
async function inFolder(make: (folder: string) => Promise<ProbeWorld>): Promise<ProbeWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'probe-'));
  const world = await make(folder);
  return {
    ...world,
    close: async () => {
      await world.close();
      await rm(folder, { recursive: true });
    },
  };
}

const HTTP: ProbeKind = {
  says: { healthy: /^HTTP 200$/, unhealthy: /^HTTP 500$/, refused: REFUSED, silent: SILENT },
  hasAddress: true,
  address: /^http:\/\//,
};
const GRPC: ProbeKind = {
  says: { healthy: /^SERVING$/, unhealthy: /^NOT_SERVING$/, refused: REFUSED, silent: SILENT },
  hasAddress: true,
  address: /^grpc:\/\//,
};
/** The file of the socket is gone with its server. */
const onSocket = (kind: ProbeKind): ProbeKind => ({ ...kind, says: { ...kind.says, refused: /ENOENT/ } });

healthProbeContract('http', HTTP, () =>
  served(http, (port) => ({ url: `http://127.0.0.1:${String(port)}/healthz` })),
);
healthProbeContract('http on a unix socket', onSocket(HTTP), () =>
  inFolder((folder) => {
    const path = join(folder, 's');
    return served(http, () => ({ url: 'http://localhost/healthz', socket: path }), { path });
  }),
);
healthProbeContract('grpc', GRPC, () =>
  served(grpc, (port) => ({ url: `grpc://127.0.0.1:${String(port)}/` })),
);
healthProbeContract('grpc on a unix socket', onSocket(GRPC), () =>
  inFolder((folder) => {
    const path = join(folder, 's');
    return served(grpc, () => ({ url: 'grpc://localhost', socket: path }), { path });
  }),
);
healthProbeContract(
  'tcp',
  { says: { healthy: /^connection opened$/, refused: REFUSED }, hasAddress: true, address: /^tcp:\/\// },
  () =>
    served(
      (_, place) => openRaw(() => undefined, place),
      (port) => ({ url: `tcp://127.0.0.1:${String(port)}` }),
    ),
);
healthProbeContract(
  'exec',
  {
    says: {
      healthy: /^exit code 0: well$/,
      unhealthy: /^exit code 3: not well$/,
      silent: /^no answer in 2 s$/,
    },
    hasAddress: false,
    address: /^\/bin\/sh .*check/,
  },
  () =>
    inFolder(async (folder) => {
      const check = join(folder, 'check');
      const scripts: Readonly<Partial<Record<ProbeSight, string>>> = {
        healthy: 'echo first; echo well',
        unhealthy: 'echo not well >&2; exit 3',
        silent: 'sleep 60',
      };
      return {
        // A shell on a machine under load may take its time to start.
        probe: await createProbe({ ...SETTINGS, timeoutMs: 2_000, exec: ['/bin/sh', check] }),
        show: (sight) => writeFile(check, scripts[sight] ?? ''),
        close: () => Promise.resolve(),
      };
    }),
);
healthProbeContract('scripted', { ...HTTP, says: { ...HTTP.says, silent: /^no answer/ } }, () => {
  const probe = createScriptedProbe(200);
  const sights: Readonly<Record<ProbeSight, Sight>> = {
    healthy: 200,
    unhealthy: 500,
    refused: 'refused',
    silent: 'silent',
  };
  return Promise.resolve({
    probe,
    show: (sight) => {
      probe.script = [sights[sight]];
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  });
});
