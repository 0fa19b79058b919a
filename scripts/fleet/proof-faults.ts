import type { ProofResult } from './proof.ts';

/** What went wrong; empty when the proof holds. */
export function faultsOf(result: ProofResult): string[] {
  const faults: string[] = [];
  const expect = (isTrue: boolean, what: string): void => {
    if (!isTrue) faults.push(what);
  };
  expect(result.canaryHosts > 0 && result.touched > 0, 'nobody tried the sick release: nothing is proved');
  expect(
    result.touchedOutside === 0,
    `${String(result.touchedOutside)} hosts outside of the canary ran the sick release`,
  );
  expect(result.onBad === 0, `${String(result.onBad)} hosts end on the sick release`);
  expect(result.notOnGood === 0, `${String(result.notOnGood)} hosts do not end on the well release`);
  expect(result.stuck === 0, `${String(result.stuck)} hosts are stuck`);
  expect(result.outcomesLost === 0, `${String(result.outcomesLost)} outcomes were lost`);
  expect(result.outcomesTwice === 0, `${String(result.outcomesTwice)} outcomes are there twice`);
  expect(
    result.outcomesUnknown === 0,
    `${String(result.outcomesUnknown)} outcomes are of attempts that no host knows`,
  );
  expect(result.halts === 1, `expected one order to halt, found ${String(result.halts)}`);
  return faults;
}
