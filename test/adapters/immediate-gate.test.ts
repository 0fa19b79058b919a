import { expect, it } from 'vitest';
import { immediateGate } from '../../src/adapters/immediate-gate.ts';

const attempt = { id: '1', trigger: 'schedule', mode: 'apply' } as const;
const version = { origin: 'baseline', version: '1.0.0' } as const;
const plan = { from: version, to: version };

it('the immediate gate lets every update through, and takes nothing', async () => {
  await expect(immediateGate.pass(attempt, plan, new AbortController().signal)).resolves.toBeUndefined();
  await immediateGate.release(attempt);
  await immediateGate.release(attempt);
});

it('the immediate gate lets nothing through that is cancelled', async () => {
  await expect(immediateGate.pass(attempt, plan, AbortSignal.abort())).rejects.toMatchObject({
    code: 'CANCELLED',
  });
});
