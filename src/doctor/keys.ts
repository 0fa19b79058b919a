import { fail, pass, warn, type Check, type Finding } from './check.ts';
import type { Patient } from './patient.ts';

const DAY_MS = 24 * 3600 * 1000;
const ENDS_SOON_MS = 30 * DAY_MS;

const NEWER = 'Install a newer release in time: it brings the publisher’s newer keys.';

/** Whether the program's keys can still vouch for what the next update needs. */
function keys({ ports, config }: Patient): Finding {
  const { trust } = ports.host;
  const all = [...trust.keys.values()];
  if (all.length === 0)
    return fail(
      'this program was built without public keys',
      'Build it with `npm run build -- --trust FILE`.',
    );
  const now = ports.clock.now();
  const { channel } = config.update;
  const audience = channel === 'manual' ? 'airgap' : channel;
  const needed = all.filter(({ audiences }) => audiences.includes(audience));
  const uses = channel === 'manual' ? (['bundle'] as const) : (['head', 'bundle'] as const);
  for (const use of uses) {
    const good = needed.filter((key) => key.use === use && now <= (key.notAfter ?? Infinity));
    if (good.length === 0)
      return fail(`expected a key for ${audience} ${use}s that has not ended, found none`, NEWER);
    const last = Math.max(...good.map(({ notAfter }) => notAfter ?? Infinity));
    if (last - now < ENDS_SOON_MS)
      return warn(`the last key for ${audience} ${use}s ends at ${new Date(last).toISOString()}`, NEWER);
  }
  return pass(`${String(all.length)} keys, and those for ${audience} are good for more than 30 days`);
}

function development({ ports }: Patient): Finding {
  return ports.host.trust.development
    ? warn(
        'this program trusts throw-away development keys',
        'Never run it in production; build it with the publisher’s keys.',
      )
    : pass('the keys are no development keys');
}

/** The checks of the trust set. */
export function keyChecks(patient: Patient): Check[] {
  return [
    { name: 'keys.good', look: () => Promise.resolve(keys(patient)) },
    { name: 'keys.production', look: () => Promise.resolve(development(patient)) },
  ];
}
