/**
 * Whether a rollout is to be halted: a pure function of what hosts said of a release. No time, no order, no memory.
 *
 * Invariants:
 * - The order in which words came, and how often each came, changes nothing: whoever has the same words decides the same.
 * - A word that a host failed never takes a halt away, and a word that one succeeded never brings one about.
 * - It fails towards halting: a policy that makes no sense halts at the first failure.
 */

/** What one attempt says of a release. Of the same attempt there may be several copies. */
export interface Word {
  /** The host's name in the fleet. */
  readonly host: string;
  readonly group: string;
  /** `failed`: the release was gone back from, or could not even be gone back from. */
  readonly said: 'committed' | 'failed';
  /** When the fleet heard of it, by the clock of whoever keeps the words, ms since 1970. */
  readonly at: number;
}

/** When a rollout is halted. */
export interface HaltPolicy {
  /** The share of hosts, above 0 and at most 1, that must have failed among those that tried. */
  readonly share: number;
  /** At least so many hosts must have failed, whatever share they are. */
  readonly failures: number;
  /** Only hosts that spoke within so long of each other are compared, ms; `Infinity` for all. */
  readonly windowMs: number;
}

/** What {@link HaltPolicy} is unless told: a tenth of the hosts, at least two, within a day. */
export const DEFAULT_POLICY: HaltPolicy = { share: 0.1, failures: 2, windowMs: 24 * 3_600_000 };

/** Hosts of a group that were compared. */
export interface Count {
  /** null: the whole fleet. */
  readonly group: string | null;
  readonly failed: number;
  readonly committed: number;
}

/** What is decided, and because of whom. */
export type HaltDecision =
  { readonly halt: false } | { readonly halt: true; readonly because: Count; readonly reason: string };

/** Whether the hosts counted are enough for a halt. Written so that what is not a number halts. */
function trips({ failed, committed }: Count, { share, failures }: HaltPolicy): boolean {
  if (failed === 0) return false;
  return !(failed < failures) && !(failed / (failed + committed) < share);
}

/** Distinct hosts in a window, each counted as failed when any of its words there says so. */
function createWindow(group: string | null): {
  enter(word: Word): void;
  leave(word: Word): void;
  count(): Count;
} {
  const hosts = new Map<string, { failed: number; committed: number }>();
  let failed = 0;
  let committed = 0;
  const move = ({ host, said }: Word, step: 1 | -1): void => {
    const words = hosts.get(host) ?? { failed: 0, committed: 0 };
    const sum = (sign: 1 | -1): void => {
      if (words.failed > 0) failed += sign;
      else if (words.committed > 0) committed += sign;
    };
    sum(-1);
    words[said] += step;
    sum(1);
    if (words.failed + words.committed === 0) hosts.delete(host);
    else hosts.set(host, words);
  };
  return {
    enter: (word) => {
      move(word, 1);
    },
    leave: (word) => {
      move(word, -1);
    },
    count: () => ({ group, failed, committed }),
  };
}

/** Of two counts that trip, the one that says most: more failures, then the larger share. */
function worse(a: Count | null, b: Count): Count {
  if (a === null || b.failed > a.failed) return b;
  return b.failed === a.failed && b.committed < a.committed ? b : a;
}

/** The worst of all windows that trip. Each window ends with a word, and holds all words of that instant. */
function look(group: string | null, words: readonly Word[], policy: HaltPolicy): Count | null {
  const span = policy.windowMs >= 0 ? policy.windowMs : Infinity;
  const window = createWindow(group);
  let found: Count | null = null;
  let first = 0;
  for (const [index, word] of words.entries()) {
    window.enter(word);
    for (let old = words[first]; old !== undefined && word.at - old.at > span; old = words[++first])
      window.leave(old);
    if (words[index + 1]?.at === word.at) continue;
    const count = window.count();
    if (trips(count, policy)) found = worse(found, count);
  }
  return found;
}

function reasonOf({ group, failed, committed }: Count, policy: HaltPolicy): string {
  const whom = group === null ? 'the fleet' : `group ${group}`;
  const tried = failed + committed;
  const percent = (share: number): string => `${String(Number((share * 100).toFixed(1)))} %`;
  return (
    `${String(failed)} of ${String(tried)} hosts of ${whom} that tried it went back (${percent(failed / tried)}); ` +
    `a rollout is halted from ${percent(policy.share)} and ${String(policy.failures)} hosts on`
  );
}

/**
 * Decides about one release. The whole fleet is looked at, and each group by itself: a release that fails on one kind of host is not
 * hidden by all the others.
 *
 * @param words - what hosts said of the release since it was last let go on; any order, any number of copies
 * @param policy - when to halt
 * @example
 * const decision = decideHalt(words, DEFAULT_POLICY);
 * if (decision.halt) await orders.halt(digest, decision.reason);
 */
export function decideHalt(words: Iterable<Word>, policy: HaltPolicy): HaltDecision {
  const sorted = [...words].sort((a, b) => a.at - b.at);
  const groups = new Map<string | null, Word[]>([[null, sorted]]);
  for (const word of sorted) {
    const own = groups.get(word.group);
    if (own === undefined) groups.set(word.group, [word]);
    else own.push(word);
  }
  let found: Count | null = null;
  // The fleet first: of two that say the same, it stands in the reason.
  const names = [...groups.keys()].sort((a, b) => (a ?? '').localeCompare(b ?? ''));
  for (const name of names) {
    const count = look(name, groups.get(name) ?? [], policy);
    if (count !== null) found = worse(found, count);
  }
  return found === null ? { halt: false } : { halt: true, because: found, reason: reasonOf(found, policy) };
}
