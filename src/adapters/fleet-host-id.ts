import { createHmac } from 'node:crypto';

/** What stands for this program in {@link fleetHostId}; made once at random, never changed. */
const APPLICATION_ID = '9eca3ed7ef0ce9b79708534319f657db';

/**
 * The name of this host towards a fleet, where the operator gives none: made from the machine id, which itself must never leave the host
 * (machine-id(5)), as `sd_id128_get_machine_app_specific(3)` makes it: HMAC-SHA256 of the application's id, keyed by the machine id; of
 * that 128 bits, as a UUID of version 4.
 *
 * @param machineId - 32 hex digits
 * @returns 32 hex digits, the same at every start
 * @example
 * const id = config.fleet.host ?? fleetHostId(machineId);
 */
export function fleetHostId(machineId: string): string {
  const id = createHmac('sha256', Buffer.from(machineId, 'hex'))
    .update(Buffer.from(APPLICATION_ID, 'hex'))
    .digest()
    .subarray(0, 16);
  id[6] = ((id[6] ?? 0) & 0x0f) | 0x40;
  id[8] = ((id[8] ?? 0) & 0x3f) | 0x80;
  return id.toString('hex');
}
