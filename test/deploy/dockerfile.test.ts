import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/sidecar/address.ts';
import { ROOT } from './support/tool.ts';

interface Instruction {
  readonly name: string;
  readonly value: string;
}

/** The instructions of a Dockerfile, continued lines joined. No linter can be had here: these are its rules that matter. */
async function instructions(): Promise<Instruction[]> {
  const text = await readFile(join(ROOT, 'deploy/docker/Dockerfile'), 'utf8');
  const lines = text.replace(/^\s*#.*\n/gm, '').replace(/\\\n\s*/g, '');
  return lines
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', value = ''] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
      return { name, value };
    });
}

const all = await instructions();
const last = (name: string): string => all.findLast((it) => it.name === name)?.value ?? '';
const words = (name: string): string[] => JSON.parse(last(name)) as string[];

describe('the Dockerfile', () => {
  it('is made of instructions that Docker knows', () => {
    const known = ['ARG', 'FROM', 'RUN', 'COPY', 'ENV', 'USER', 'WORKDIR', 'VOLUME', 'EXPOSE', 'HEALTHCHECK'];
    const names = new Set([...known, 'STOPSIGNAL', 'ENTRYPOINT', 'CMD']);
    expect(all.filter(({ name }) => !names.has(name))).toEqual([]);
  });

  it('starts from a point release of Debian, without a Node beside the one in the executable', () => {
    expect(last('FROM')).toBe('${BASE_IMAGE}');
    expect(last('ARG')).toMatch(/^BASE_IMAGE=debian:\d+\.\d+-slim$/);
    expect(all.some(({ name, value }) => name !== 'RUN' && /\bnode\b/i.test(value))).toBe(false);
  });

  it('installs packages by version, and leaves no lists behind', () => {
    const installs = all.filter(({ value }) => value.includes('apt-get install'));
    expect(installs).toHaveLength(1);
    for (const { value } of installs) {
      const packages = /install -y --no-install-recommends (.*?) +&& /.exec(value)?.[1]?.split(' ') ?? [];
      expect(packages.every((it) => it.includes('='))).toBe(true);
      expect(value).toContain('rm -rf /var/lib/apt/lists');
    }
    expect(all.some(({ name, value }) => name === 'ADD' || /curl|wget|\| *sh/.test(value))).toBe(false);
  });

  it('runs as a user that is a number, and not root', () => {
    expect(last('USER')).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    const [uid, gid] = last('USER').split(':');
    const made = all.map(({ value }) => value).join('\n');
    expect(made).toContain(`--uid ${uid ?? ''} `);
    expect(made).toContain(`--gid ${gid ?? ''} `);
    // Nothing that is written after it belongs to root.
    const after = all.slice(all.findIndex(({ name }) => name === 'USER'));
    expect(after.some(({ name }) => name === 'RUN' || name === 'COPY')).toBe(false);
  });

  it('has tini as pid 1, and every command without a shell', () => {
    expect(words('ENTRYPOINT')).toEqual(['/usr/bin/tini', '--']);
    expect(words('CMD')).toEqual(['coresdk-sidecar']);
    expect(last('HEALTHCHECK')).toMatch(/ CMD \["bash", "-c", /);
    expect(last('STOPSIGNAL')).toBe('SIGTERM');
  });

  it('keeps its state on a volume that belongs to that user', () => {
    expect(last('VOLUME')).toBe('/var/lib/coresdk');
    expect(
      all.some(({ value }) => value.includes('install -d -o coresdk -g coresdk -m 0700 /var/lib/coresdk')),
    ).toBe(true);
  });

  it('listens where ports are published to', () => {
    const env = Object.fromEntries(
      last('ENV')
        .split(/\s+/)
        .map((pair) => pair.split('=', 2)),
    ) as Record<string, string>;
    const ports = last('EXPOSE').split(' ').map(Number);
    for (const name of ['CORESDK_HTTP_ADDR', 'CORESDK_GRPC_ADDR']) {
      const { host, port } = parseAddress(name, env[name] ?? '');
      expect(host).toBe('0.0.0.0');
      expect(ports).toContain(port);
    }
  });

  it.each([
    ['200 OK', 0],
    ['500 Internal Server Error', 1],
    ['404 Not Found', 1],
  ])('has a health check that makes of %s exit code %i', async (answer, code) => {
    const [, json = ''] = / CMD (\[.*\])$/.exec(last('HEALTHCHECK')) ?? [];
    const [program = '', flag = '', script = ''] = JSON.parse(json) as string[];
    const server = createServer((socket) => {
      // The shell reads one line, and is gone.
      socket.on('error', () => undefined);
      let asked = '';
      socket.setEncoding('utf8').on('data', (text: string) => {
        asked += text;
        if (asked === 'GET /healthz HTTP/1.0\r\n\r\n') socket.end(`HTTP/1.1 ${answer}\r\n\r\n`);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const child = spawn(program, [flag, script.replace('/7701', `/${String(port)}`)], { stdio: 'ignore' });
    const [exit] = (await once(child, 'exit')) as [number];
    server.close();
    expect(exit).toBe(code);
  });
});
