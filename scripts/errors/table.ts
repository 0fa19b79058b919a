import { ERROR_CODES } from '../../src/error-codes.ts';

const HEAD = `# Errors

Generated from \`src/error-codes.ts\` by \`npm run errors\`. Codes are stable. The exit code is the one of \`core\`. What to look at, code by
code: [troubleshooting.md](troubleshooting.md).

| code | exit | tried again by itself | means | what to do |
|---|---|---|---|---|
`;

/** `docs/errors.md`. */
export function errorTable(): string {
  const rows = Object.entries(ERROR_CODES).map(
    ([code, { exit, retryable, means, next }]) =>
      `| \`${code}\` | ${String(exit)} | ${retryable ? 'yes' : 'no'} | ${means} | ${next.replaceAll('|', '\\|')} |\n`,
  );
  return HEAD + rows.join('');
}
