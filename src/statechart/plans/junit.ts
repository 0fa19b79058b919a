/** A machine's plans as a skeleton of a JUnit report: a skipped test case a plan, to be filled in by whoever runs them. */
import type { Plan, PlanDocument } from './format.ts';

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

function testCase(machine: string, { id, from, title }: Plan): string {
  const attributes = `classname="${escaped(`${machine}.${from}`)}" name="${escaped(id)}" time="0"`;
  return `    <testcase ${attributes}><skipped message="${escaped(title)}"/></testcase>`;
}

/** The report: a suite a state. Without a line feed at its end. */
export function junitSkeleton({ machine, states, plans }: PlanDocument): string {
  const count = (of: readonly Plan[]): string =>
    `tests="${String(of.length)}" failures="0" errors="0" skipped="${String(of.length)}" time="0"`;
  const suites = states.flatMap((state) => {
    const of = plans.filter(({ from }) => from === state);
    return [
      `  <testsuite name="${escaped(`${machine}.${state}`)}" ${count(of)}>`,
      ...of.map((plan) => testCase(machine, plan)),
      '  </testsuite>',
    ];
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="${escaped(machine)}" ${count(plans)}>`,
    ...suites,
    '</testsuites>',
  ].join('\n');
}
