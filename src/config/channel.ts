/** `UpdateChannel`: the channel setting for programs that embed the updater (the reference document's enum). */
import { UpdateError } from '../errors.ts';
import type { Channel } from '../types.ts';
import { didYouMean } from './suggest.ts';

/** The channels, in the order in which messages name them. */
export const CHANNELS = ['stable', 'edge', 'manual'] as const satisfies readonly Channel[];

/** Where updates come from; the values of {@link UpdateChannel}. */
export type UpdateChannel = Channel;

/**
 * The update channels, and how to read one.
 *
 * @example
 * switch (UpdateChannel.fromEnv()) {
 *   case UpdateChannel.Stable: // production releases only
 *   case UpdateChannel.Edge:   // candidate releases
 *   case UpdateChannel.Manual: // no automatic updates
 * }
 */
export const UpdateChannel = Object.freeze({
  /** Production releases only. */
  Stable: 'stable',
  /** Candidate releases. */
  Edge: 'edge',
  /** No automatic updates; makes no network request of its own. */
  Manual: 'manual',

  /**
   * Reads a channel's name.
   *
   * @param text - `stable`, `edge` or `manual`, exactly
   * @param where - where the text came from, put before the message
   * @throws UpdateError `CONFIG_INVALID` for anything else; the message names the three
   */
  parse(text: string, where?: string): UpdateChannel {
    const channel = CHANNELS.find((name) => name === text);
    if (channel !== undefined) return channel;
    const prefix = where === undefined ? '' : `${where}: `;
    throw new UpdateError(
      'CONFIG_INVALID',
      `${prefix}expected one of ${CHANNELS.join(', ')}, found ${JSON.stringify(text)}${didYouMean(text, CHANNELS)}`,
    );
  },

  /**
   * The channel that `CORESDK_UPDATE_CHANNEL` sets; `stable` where it is unset or empty.
   *
   * @param env - the environment; the process's own unless given
   * @throws UpdateError `CONFIG_INVALID` where it is set to anything but the three
   */
  fromEnv(env: Readonly<Record<string, string | undefined>> = process.env): UpdateChannel {
    const text = env['CORESDK_UPDATE_CHANNEL'];
    if (text === undefined || text === '') return 'stable';
    return UpdateChannel.parse(text, 'CORESDK_UPDATE_CHANNEL');
  },
} as const);
