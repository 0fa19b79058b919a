/**
 * The Stately Inspector for a daemon that runs from source: `node src/main.ts --inspect --config FILE`.
 *
 * A page on loopback holds Stately's inspector in a frame, and passes the machine's events on to it. The package's own server
 * (`createInspectorServer`) does the same, but listens on every address of the host, and whoever reaches it sees everything.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInspector } from '@statelyai/inspect';
import type { InspectionEvent } from 'xstate';

const INSPECTOR = 'https://stately.ai/inspect';
const KEEP = 200;

const PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Stately Inspector</title>
<style>html,body,iframe{margin:0;border:0;width:100%;height:100%}</style>
<iframe id="inspector" title="Stately Inspector" src="${INSPECTOR}"></iframe>
<script>
const frame = document.getElementById('inspector');
const waiting = [];
let connected = false;
const pass = (event) => frame.contentWindow.postMessage(event, '${new URL(INSPECTOR).origin}');
addEventListener('message', ({ data, source }) => {
  if (source !== frame.contentWindow || data?.type !== '@statelyai.connected') return;
  connected = true;
  waiting.splice(0).forEach(pass);
});
new EventSource('/events').onmessage = ({ data }) => {
  const event = JSON.parse(data);
  if (connected) pass(event); else waiting.push(event);
};
</script></html>`;

/** An inspector that can be looked at. */
export interface DevInspector {
  /** The page to open. */
  readonly url: string;
  /** For `createActor(machine, { inspect })`. */
  readonly inspect: (event: InspectionEvent) => void;
  close(): void;
}

/** Starts the inspector's page on a free port of loopback. */
export async function startInspector(): Promise<DevInspector> {
  const readers = new Set<ServerResponse>();
  const kept: string[] = [];
  const server = createServer((request, response) => {
    const { port } = server.address() as AddressInfo;
    // By another name it is called by a page of somebody else (DNS rebinding).
    if (request.headers.host !== `127.0.0.1:${String(port)}`) response.writeHead(421).end();
    else if (request.url === '/')
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(PAGE);
    else if (request.url === '/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      for (const event of kept) response.write(`data: ${event}\n\n`);
      readers.add(response);
      response.once('close', () => readers.delete(response));
    } else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const inspector = createInspector({
    send: (event) => {
      const text = JSON.stringify(event);
      kept.push(text);
      if (kept.length > KEEP) kept.shift();
      for (const reader of readers) reader.write(`data: ${text}\n\n`);
    },
  });
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/`,
    inspect: (event) => {
      inspector.inspect.next?.(event);
    },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
