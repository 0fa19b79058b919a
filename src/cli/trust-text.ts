import type { TrustSet } from '../bundle/trust.ts';
import { plain } from './plain.ts';
import type { Style } from './style.ts';
import { instant } from './time.ts';

/** A trust set for people: a line a key. Pure. */
export function trustText({ product, development, keys }: TrustSet, style: Style): string {
  return [
    `product ${plain(product)}`,
    ...(development ? [style.bad('DEVELOPMENT KEYS: never use them in production')] : []),
    ...[...keys.values()].map(({ kid, alg, use, audiences, notAfter }) => {
      const end = notAfter === null ? '' : `, until ${instant(new Date(notAfter).toISOString())}`;
      return `${kid}  ${alg}  ${use.padEnd(6)}  ${audiences.join(', ')}${end}`;
    }),
  ].join('\n');
}
