/** Every way to tell a built program something, read from the program's own tables, so that none can be forgotten. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TrustFile } from '../../../src/bundle/trust.ts';
import { KEYS } from '../../../src/config/schema.ts';

const SRC = join(import.meta.dirname, '../../../src');

/** A foreign key in every shape in which a program could be given one. */
export function material(file: string, trust: TrustFile): Readonly<Record<string, unknown>> {
  const text = JSON.stringify(trust);
  return {
    'its path': file,
    'the document': trust,
    'a key': trust.keys[0],
    'the keys': trust.keys,
    'its text': text,
    'a key id': trust.keys[0]?.kid,
    'a list of its path': [file],
    'its URL': `file://${file}`,
    'a list of its URL': [`file://${file}`],
    'a variable with its path': { CORESDK_TRUST: file },
    'a command with its path': ['{binary}', file],
  };
}

/** The keys of the configuration that take a shape of `given`, with the first that they take. */
export function keysThatTake(
  given: Readonly<Record<string, unknown>>,
): { key: string; shape: string; value: unknown }[] {
  return [...KEYS].flatMap(([key, schema]) => {
    const taken = Object.entries(given).find(([, value]) => schema.safeParse(value).success);
    return taken === undefined ? [] : [{ key, shape: taken[0], value: taken[1] }];
  });
}

/** What Node and OpenSSL read beside what `node --help` tells. */
const MORE = [
  'NODE_OPTIONS',
  'OPENSSL_CONF',
  'OPENSSL_MODULES',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'NODE_COMPILE_CACHE',
];
/** Names that programs of others have for keys. */
const GUESSED = ['CORESDK_TRUST', 'CORESDK_TRUST_FILE', 'CORESDK_KEYS', 'CORESDK_PUBLIC_KEY', 'TRUST_FILE'];

/** The variables that Node and OpenSSL read, and guessed ones. */
export function foreignVariables(): string[] {
  const help = execFileSync(process.execPath, ['--help'], { encoding: 'utf8' });
  const told = help.slice(help.indexOf('Environment variables:')).matchAll(/^([A-Z][A-Z0-9_]{3,})\b/gm);
  return [...new Set([...[...told].map(([, name]) => name ?? ''), ...MORE, ...GUESSED])].sort();
}

/** The variables that the sources name. */
export function ownVariables(): string[] {
  const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  const named = sources.flatMap((name) =>
    [...readFileSync(join(SRC, name), 'utf8').matchAll(/'([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)'/g)]
      .map(([, variable]) => variable ?? '')
      .filter((variable) => /^(CORESDK|OTEL|NOTIFY|WATCHDOG|LISTEN|KUBERNETES|INVOCATION)_/.test(variable)),
  );
  return [...new Set(named)].sort();
}

/** Options that a program has that can be given a key. */
export const OPTIONS_OF_OTHERS = [
  '--trust',
  '--trust-file',
  '--key',
  '--keys',
  '--public-key',
  '--keyring',
  '--ca',
  '--insecure',
  '--no-verify',
  '--allow-unsigned',
  '--skip-signature',
] as const;
