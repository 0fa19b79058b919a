import type { RequestOptions } from 'node:http';
import { UpdateError } from '../errors.ts';

/** Where a daemon is asked: at its socket, or at its TCP listener with the token. */
export type ControlTarget =
  | {
      /** Path of the control socket. */
      readonly socket: string;
    }
  | {
      /** Address of the TCP listener, or of a proxy before it: `http:` or `https:`; a path is put before those of the API. */
      readonly url: string;
      /** What `control.token_file` holds. */
      readonly token: string;
    };

/** How a daemon is reached. */
export interface TargetRoute {
  /** For messages: never holds the token. */
  readonly name: string;
  readonly secure: boolean;
  /** Put before the path of every request. */
  readonly prefix: string;
  readonly options: Pick<RequestOptions, 'socketPath' | 'host' | 'port'>;
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * How a target is reached.
 *
 * @throws UpdateError `USAGE` when the URL is not `http:` or `https:`, or holds more than host, port and path
 */
export function routeTo(target: ControlTarget): TargetRoute {
  if ('socket' in target)
    return {
      name: target.socket,
      secure: false,
      prefix: '',
      options: { socketPath: target.socket },
      headers: {},
    };
  const { url: text, token } = target;
  const url = URL.parse(text);
  if (
    url === null ||
    !/^https?:$/.test(url.protocol) ||
    `${url.username}${url.password}${url.search}${url.hash}` !== ''
  )
    throw new UpdateError(
      'USAGE',
      'expected the URL of a control listener: http: or https:, without user, query and fragment',
    );
  return {
    name: url.origin,
    secure: url.protocol === 'https:',
    prefix: url.pathname.replace(/\/$/, ''),
    options: {
      // An IPv6 address stands in brackets in a URL only.
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port),
    },
    headers: { authorization: `Bearer ${token}` },
  };
}
