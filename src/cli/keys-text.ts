/** Keys for people. Pure. */
import type { InspectedKeys } from '../publish/inspect-keys.ts';
import { plain } from './plain.ts';
import type { Style } from './style.ts';
import { instant } from './time.ts';

/** What a file of keys holds: a line a key. */
export function keysText({ kind, product, development, keys }: InspectedKeys, style: Style): string {
  return [
    product === null ? kind : `product ${plain(product)}`,
    ...(development ? [style.bad('DEVELOPMENT KEYS: never use them in production')] : []),
    ...keys.map(({ kid, alg, bits, use, audiences, not_after: end }) =>
      [
        kid,
        `${alg} ${String(bits)}`.padEnd(10),
        ...(use === null ? [] : [use.padEnd(6)]),
        ...(audiences === null ? [] : [audiences.join(', ')]),
        ...(end === null ? [] : [`until ${instant(end)}`]),
      ]
        .join('  ')
        .trimEnd(),
    ),
  ].join('\n');
}
