import { createServer } from 'node:net';

/** Below the range that the kernel hands out by itself, so that no outgoing connection takes the port in between. */
const LOWEST = 12_000;
const HIGHEST = 32_000;
/** Workers of the test runner never draw the same port: each has its own remainder. */
const WORKERS = 8;

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
    return true;
  } catch {
    return false;
  } finally {
    await new Promise((resolve) => {
      server.close(resolve);
    });
  }
}

/** A port on loopback that nobody listens on, for a program that is started a little later. */
export async function freePort(): Promise<number> {
  const own = Number(process.env['VITEST_POOL_ID'] ?? 0) % WORKERS;
  for (;;) {
    const drawn = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    const port = drawn - (drawn % WORKERS) + own;
    if (await isFree(port)) return port;
  }
}
