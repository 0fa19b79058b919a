/** By this name a program finds its check address among its sockets (`LISTEN_FDNAMES`). */
export const CHECK_SOCKET_NAME = 'check';

/** `CORESDK_START` of a version that is started beside another, and takes no clients before SIGUSR2 comes. */
export const STARTS_BESIDE = 'beside';
