/**
 * What the card of the fleet says, and when the fleet is asked for.
 *
 * Invariant: the daemon is asked only while the page is seen, and at most every ten seconds.
 */
import type { FleetView } from '../../api.ts';
import { Refused } from './api.ts';

/** The fleet is asked for at most so often, ms. */
const EVERY_MS = 10_000;

/** Answers are looked for with this; the page's `api`. */
export type AskFleet = () => Promise<FleetView>;

/** What is known of the whole: a view, or why there is none. */
export type Glance = FleetView | { readonly missing: string };

/** The whole fleet as lines of text, for people; each names what it counts. */
export function fleetLines(view: FleetView): { readonly hosts: string; readonly running: readonly string[] } {
  const { present, lost, stopped } = view.hosts;
  return {
    hosts: `${String(present)} there, ${String(lost)} lost, ${String(stopped)} stopped`,
    running: view.running.map(
      ({ version, group, hosts }) => `${version} on ${String(hosts)} of group ${group}`,
    ),
  };
}

/**
 * Asks again and again what the whole is, within the bounds of this file.
 *
 * @returns a function to call whenever the page is drawn; `answered` is called with what came
 */
export function askingForFleet(
  ask: AskFleet,
  isSeen: () => boolean,
  now: () => number,
  answered: (glance: Glance) => void,
): () => void {
  let last = -Infinity;
  return () => {
    if (!isSeen() || now() - last < EVERY_MS) return;
    last = now();
    ask().then(answered, (error: unknown) => {
      answered({ missing: error instanceof Refused ? error.message : 'the daemon does not answer' });
    });
  };
}
