import { ERROR_CODES, type Blame, type CodeInfo, type ErrorCode } from '../../src/error-codes.ts';
import { UPDATE_ERRORS } from '../../src/machines/update.errors.ts';
import { updateMachine } from '../../src/machines/update.machine.ts';

const HEAD = `# Troubleshooting

Generated from the program's own tables by \`npm run errors\`: the codes (\`src/error-codes.ts\`), and where each can occur
(\`src/machines/update.errors.ts\`). Every message, log line, history entry and JSON answer carries one of these codes.

## First

\`\`\`sh
core sidecar status              # what runs, what went wrong, and what to type
core sidecar doctor              # why the next update would fail
core sidecar history --verbose   # every attempt, state by state
core sidecar logs -n 50          # what the daemon said last
\`\`\`

Where it happened tells what became of the workload:

| state | the workload |
|---|---|
| \`checking\` … \`waiting\` | was not touched: the version that ran goes on running |
| \`swapping\`, \`overlapping\`, \`draining\`, \`probing\` | went back by itself to the version before; \`core sidecar status\` shows the evidence |
| \`handingOver\` | was not touched: only the daemon was to be replaced, and the one before it runs |
| \`committed\`, \`idle\` | runs the new version; only its record or its watch is concerned |
| \`rollingBack\` | **act now**: the version before did not become healthy; the supervisor keeps trying it |
| \`recovering\` | is started as soon as it can be; see the message |

Exit codes of \`core\`: 0 done or nothing to do, 1 error, 2 usage or configuration, 3 not trusted, 4 rolled back by itself, 5 deferred or
disabled, 6 no daemon answers.
`;

const SECTIONS: readonly (readonly [Blame, string, string])[] = [
  [
    'release',
    'The release is to blame',
    'It goes into quarantine on this host, and is not tried again until there is a newer one, or until `core sidecar quarantine clear VERSION`.',
  ],
  [
    'bundle',
    'The bundle is to blame',
    'Nothing was unpacked or run. The same bytes are not fetched again while the head names them, but after a growing back-off.',
  ],
  ['feed', 'The feed is to blame', 'Nothing on this host changes; the next check asks again.'],
  ['host', 'This host is to blame', 'The release is not: it is tried again once the host is mended.'],
  [
    'operator',
    'A choice or a mistake of an operator',
    'The daemon does as it was told; the message says what was expected.',
  ],
  ['program', 'The program itself', 'These should not happen, or say how the program was built.'],
];

const STATE_OF: ReadonlyMap<string, string> = new Map(
  Object.entries(updateMachine.states).flatMap(([state, { invoke }]) =>
    invoke.map(({ src }) => [typeof src === 'string' ? src : '', state] as const),
  ),
);

/** The states in which a code can occur, in the order of the chart. */
function statesOf(code: ErrorCode): string[] {
  const found = Object.entries(UPDATE_ERRORS).flatMap(([service, codes]: [string, readonly ErrorCode[]]) =>
    codes.includes(code) ? [STATE_OF.get(service) ?? service] : [],
  );
  return [...new Set(found)];
}

function entry(code: ErrorCode, { exit, retryable, means, next }: CodeInfo): string {
  const states = statesOf(code);
  const where = states.length === 0 ? [] : [`- where: ${states.map((state) => `\`${state}\``).join(', ')}`];
  const again = retryable ? 'tried again by itself' : 'not tried again as it is';
  return [
    `### ${code}`,
    '',
    means,
    '',
    `- **do**: ${next}`,
    ...where,
    `- exit ${String(exit)}, ${again}`,
    '',
  ].join('\n');
}

/** `docs/troubleshooting.md`. */
export function troubleshooting(): string {
  const codes = Object.entries(ERROR_CODES) as [ErrorCode, CodeInfo][];
  const sections = SECTIONS.map(([blame, title, text]) => {
    const entries = codes
      .filter(([, info]) => info.blames === blame)
      .map(([code, info]) => entry(code, info));
    return [`## ${title}`, '', text, '', ...entries].join('\n');
  });
  return [HEAD, ...sections].join('\n').trimEnd() + '\n';
}
