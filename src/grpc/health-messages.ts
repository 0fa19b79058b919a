/** The service `grpc.health.v1.Health` (github.com/grpc/grpc/blob/master/doc/health-checking.md): its methods and messages. */
import { bytesField, readFields, textOf, varintField } from './wire.ts';

/** What a service says of itself, with its number on the wire. */
export const SERVING_STATUS = { UNKNOWN: 0, SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } as const;

/** The name of a status. */
export type ServingStatus = keyof typeof SERVING_STATUS;

/** The path of the method that a probe calls. */
export const CHECK_PATH = '/grpc.health.v1.Health/Check';

/** `HealthCheckRequest`. */
export interface HealthRequest {
  /** The name of the service; empty for the server as a whole. */
  readonly service: string;
}

/** {@link HealthRequest} on the wire. */
export const healthRequest = {
  encode: ({ service }: HealthRequest): Buffer => (service === '' ? Buffer.alloc(0) : bytesField(1, service)),
  /** @throws RangeError for bytes that are no such message */
  decode: (bytes: Buffer): HealthRequest => {
    let service = '';
    for (const field of readFields(bytes))
      if (field.number === 1 && field.kind === 'bytes') service = textOf(field.value);
    return { service };
  },
};

/** `HealthCheckResponse`. */
export const healthResponse = {
  encode: (status: ServingStatus): Buffer => varintField(1, SERVING_STATUS[status]),
  /**
   * A status of a later edition is `UNKNOWN`.
   *
   * @throws RangeError for bytes that are no such message
   */
  decode: (bytes: Buffer): ServingStatus => {
    let found = 0n;
    for (const field of readFields(bytes))
      if (field.number === 1 && field.kind === 'varint') found = field.value;
    const names = Object.keys(SERVING_STATUS) as ServingStatus[];
    return names.find((name) => BigInt(SERVING_STATUS[name]) === found) ?? 'UNKNOWN';
  },
};

/** `HealthListResponse`: the status of each service. */
export const healthList = {
  encode: (statuses: ReadonlyMap<string, ServingStatus>): Buffer =>
    Buffer.concat(
      [...statuses].map(([service, status]) =>
        // An entry of a map is a message of its key and its value.
        bytesField(1, Buffer.concat([bytesField(1, service), bytesField(2, healthResponse.encode(status))])),
      ),
    ),
};
