import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { freePort } from '../../demo/free-port.ts';
import type { ControlEvent } from '../../src/control/api.ts';
import { createControlClient } from '../../src/control/client.ts';
import { ROUTES } from '../../src/control/route-table.ts';
import { controlEvent } from '../../src/control/schemas/events.ts';
import { createHost, type Host } from './support/host.ts';

const TOKEN = 'e2e'.repeat(20);

/** A host whose control API is on TCP too. */
async function hostOnTcp(): Promise<{ host: Host; url: string; tokenFile: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'coresdk-token-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const tokenFile = join(folder, 'token');
  await writeFile(tokenFile, TOKEN, { mode: 0o600 });
  const address = `127.0.0.1:${String(await freePort())}`;
  const host = await createHost({
    config: { update: { check_interval: 3600 }, control: { http: address, token_file: tokenFile } },
  });
  return { host, url: `http://${address}`, tokenFile };
}

it('a whole update is told over TCP, in the shapes that are documented, and the token is nowhere', async () => {
  const { host: made, url } = await hostOnTcp();
  await using host = made;
  await host.publisher.publish({ version: '1.1.0' });
  await host.start();
  await host.until('idle', ({ state }) => state === 'idle');

  const client = createControlClient({ url, token: TOKEN });
  const events: ControlEvent[] = [];
  const id = await client.update({ dryRun: false });
  for await (const event of client.events({ after: 0, signal: new AbortController().signal })) {
    events.push(event);
    if (event.kind === 'ended' && event.attempt.id === id) break;
  }
  const states = events.flatMap((event) => (event.kind === 'state' ? [event.state] : []));
  expect(states).toEqual(
    expect.arrayContaining([
      'idle',
      'checking',
      'downloading',
      'staging',
      'swapping',
      'probing',
      'committed',
    ]),
  );
  for (const event of events) expect(controlEvent.safeParse(event).error, event.kind).toBeUndefined();
  expect(events.map((event) => event.id)).toEqual(events.map((_, index) => events[0]!.id + index));

  const headers = { authorization: `Bearer ${TOKEN}`, connection: 'close' };
  for (const { path, method, special, answer } of ROUTES) {
    if (method !== 'GET' || special !== null) continue;
    const response = await fetch(`${url}${path.replace('{id}', id)}`, { headers });
    if (path === '/v1/fleet') {
      expect(await response.json()).toMatchObject({ code: 'FLEET_NOT_CONFIGURED' });
      continue;
    }
    expect(response.status, path).toBe(200);
    expect(answer.schema!.safeParse(await response.json()).error, path).toBeUndefined();
  }
  expect((await fetch(`${url}/v1/status`, { headers: { connection: 'close' } })).status).toBe(401);
  expect(await host.log()).not.toContain(TOKEN);
});

it('a token file that others may read keeps the daemon from starting, which says what to do', async () => {
  const { host: made, tokenFile } = await hostOnTcp();
  await using host = made;
  await chmod(tokenFile, 0o644);
  await host.start();
  expect(await host.exited()).toBe(2);
  expect(await host.log()).toMatch(
    /control\.token_file: expected mode 0600 or less, found 0644.*openssl rand -hex 32/,
  );
  expect(await host.log()).not.toContain(TOKEN);
});
