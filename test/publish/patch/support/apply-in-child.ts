/**
 * Applies a patch to a base that is computed, not stored, and prints what it took: `node apply-in-child.ts PATCH SIZE`.
 */
import { createReadStream } from 'node:fs';
import { applyPatch } from '../../../../src/bundle/patch.ts';
import { fillBase } from './computed-base.ts';

const [patch = '', size = ''] = process.argv.slice(2);
const base = {
  size: Number(size),
  read: async (buffer: Uint8Array, position: number) => {
    fillBase(buffer, position);
    return buffer.length;
  },
};
const stored = createReadStream(patch) as AsyncIterable<Uint8Array>;
const idle = process.memoryUsage.rss();
let made = 0;
// Not `maxRSS`: what the parent had when it started this program counts into that.
let peak = idle;
for await (const chunk of applyPatch(stored, base, base.size, new AbortController().signal)) {
  made += chunk.length;
  peak = Math.max(peak, process.memoryUsage.rss());
}
console.log(JSON.stringify({ made, memory: peak - idle }));
