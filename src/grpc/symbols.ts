/** What a compiled .proto file (`FileDescriptorProto` of `google/protobuf/descriptor.proto`) defines. */
import { readFields, textOf } from './wire.ts';

/** Numbers of fields that hold definitions, by the kind of message that they stand in. */
const MESSAGE = { fields: 2, nested: 3, enums: 4, oneofs: 8 } as const;

const children = (bytes: Buffer, number: number): Buffer[] =>
  [...readFields(bytes)].flatMap((it) => (it.number === number && it.kind === 'bytes' ? [it.value] : []));

function nameOf(bytes: Buffer): string {
  const [name] = children(bytes, 1);
  return name === undefined ? '' : textOf(name);
}

/** The values of an enumeration are names beside it, not below it. */
const enumSymbols = (bytes: Buffer, scope: string): string[] => [
  `${scope}.${nameOf(bytes)}`,
  ...children(bytes, 2).map((value) => `${scope}.${nameOf(value)}`),
];

function messageSymbols(bytes: Buffer, scope: string): string[] {
  const own = `${scope}.${nameOf(bytes)}`;
  return [
    own,
    ...[...children(bytes, MESSAGE.fields), ...children(bytes, MESSAGE.oneofs)].map(
      (it) => `${own}.${nameOf(it)}`,
    ),
    ...children(bytes, MESSAGE.nested).flatMap((it) => messageSymbols(it, own)),
    ...children(bytes, MESSAGE.enums).flatMap((it) => enumSymbols(it, own)),
  ];
}

/**
 * The full names of everything that a file defines, and of its services.
 *
 * @throws RangeError for bytes that are no compiled file
 */
export function symbolsOf(file: Buffer): { symbols: string[]; services: string[] } {
  const [packageName] = children(file, 2);
  const scope = packageName === undefined ? '' : textOf(packageName);
  const services = children(file, 6);
  return {
    services: services.map((it) => `${scope}.${nameOf(it)}`),
    symbols: [
      ...children(file, 4).flatMap((it) => messageSymbols(it, scope)),
      ...children(file, 5).flatMap((it) => enumSymbols(it, scope)),
      ...services.flatMap((it) => {
        const own = `${scope}.${nameOf(it)}`;
        return [own, ...children(it, 2).map((method) => `${own}.${nameOf(method)}`)];
      }),
    ],
  };
}
