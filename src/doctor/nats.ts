import { fleetHostId } from '../adapters/fleet-host-id.ts';
import { lookAtNats, type NatsFault } from '../adapters/nats-look.ts';
import { UpdateError } from '../errors.ts';
import { fail, pass, skip, warn, type Check, type Finding } from './check.ts';
import type { Patient } from './patient.ts';

/** Together less than a check may take, so that its own error is told, ms. */
const [CONNECT_MS, ANSWER_MS] = [5_000, 3_000];

const NEXT: Readonly<Record<NatsFault['kind'], string>> = {
  right: 'Give this host the rights that deploy/nats/nats-server.conf has for one, for its group and name.',
  stream: 'Run `core fleet init`, or correct `product`: the streams are of another one.',
  other: 'See that nats-server runs with JetStream, and what its log says.',
};
const AWAY =
  'Correct fleet.nats, or mend the server. Meanwhile outcomes wait on this host, and no halt reaches it by NATS.';

/** Without NATS updates go on, but where they wait for a place there. */
const bad = (blocks: boolean, message: string, next: string): Finding =>
  (blocks ? fail : warn)(message, next);

async function nats({ config, disabled, ports }: Patient): Promise<Finding> {
  const { update, fleet } = config;
  const access = fleet.nats;
  if (access === null) return skip('fleet.nats.url is not configured');
  if (disabled !== null) return skip(`not asked: ${disabled}`);
  const { machineId, product } = ports.host;
  const host = fleet.host ?? (machineId === '' ? null : fleetHostId(machineId));
  if (host === null) return skip('not asked: the machine id of this host is not known');
  const { group } = fleet;
  const places = update.gate === 'nats';
  try {
    const { server, faults } = await lookAtNats({
      access,
      product,
      group,
      host,
      by: 'doctor',
      channel: update.channel === 'manual' ? null : update.channel,
      orders: fleet.operatorKeysFile !== null,
      places,
      connectMs: CONNECT_MS,
      answerMs: ANSWER_MS,
    });
    const [first, ...more] = faults;
    if (first !== undefined) {
      const also = more.length === 0 ? '' : ` (and ${String(more.length)} more)`;
      const blocks = faults.some((fault) => fault.places);
      return bad(blocks, `${first.message}${also}`, NEXT[first.kind]);
    }
    const halts =
      fleet.operatorKeysFile === null ? '; without fleet.operator_keys_file it obeys no halt' : '';
    return pass(`${server} takes this host as ${host} of group ${group}${halts}`);
  } catch (thrown) {
    const { code, message, info } = UpdateError.from(thrown);
    return bad(places, message, code === 'FLEET_UNREACHABLE' ? AWAY : info.next);
  }
}

/** The check of the fleet's NATS. It stores nothing there. */
export function natsChecks(patient: Patient): Check[] {
  return patient.config.fleet.nats === null ? [] : [{ name: 'fleet.nats', look: () => nats(patient) }];
}
