/** What `/healthz` says. A demonstration build replaces this module as a whole, to make a release that is not healthy. */
export interface Health {
  readonly status: 200 | 500;
  /** The JSON body; the version is added to it. */
  readonly body: Readonly<Record<string, string>>;
}

/** The service's health now. It holds nothing that could be out of order, so it is well as long as it answers. */
export function health(): Health {
  return { status: 200, body: { status: 'ok' } };
}
