/**
 * `npm run grpc-descriptors`: writes `src/grpc/descriptors.ts`, the compiled forms of the .proto files that the gRPC port tells of
 * by reflection. The program is one file, so it cannot read them from disk; the tests fail when it is not fresh.
 */
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { loadSync, type MessageTypeDefinition } from '@grpc/proto-loader';
import protobuf from 'protobufjs';
import { format, resolveConfig } from 'prettier';

const require = createRequire(import.meta.url);
const ROOT = join(import.meta.dirname, '..');
const TARGET = join(ROOT, 'src/grpc/descriptors.ts');

/** Loaded for its effect: it teaches protobufjs the compiled form. */
require('protobufjs/ext/descriptor');

/** The name by which others import a file, and where it lies here. */
const FILES = {
  'grpc/health/v1/health.proto': join(
    require.resolve('grpc-health-check'),
    '../../../proto/health/v1/health.proto',
  ),
  'grpc/reflection/v1/reflection.proto': join(
    require.resolve('@grpc/reflection'),
    '../../proto/grpc/reflection/v1/reflection.proto',
  ),
  'grpc/reflection/v1alpha/reflection.proto': join(
    require.resolve('@grpc/reflection'),
    '../../proto/grpc/reflection/v1alpha/reflection.proto',
  ),
};

interface Field {
  readonly name: string;
  typeName: string | null;
}
interface Message {
  name: string;
  readonly field: readonly Field[];
  readonly nestedType: readonly Message[];
  readonly enumType: readonly { readonly name: string }[];
  readonly options: { readonly mapEntry?: boolean } | null;
}
interface File {
  name: string;
  syntax: string;
  readonly package: string;
  readonly messageType: readonly Message[];
  readonly enumType: readonly { readonly name: string }[];
  readonly service: readonly {
    readonly method: readonly { inputType: string; outputType: string }[];
  }[];
}
interface FileType {
  decode(bytes: Uint8Array): File;
  encode(message: File): { finish(): Uint8Array };
}

/** Calls `visit` for each message with its full name, a parent before its children. */
function walk(messages: readonly Message[], scope: string, visit: (it: Message, name: string) => void): void {
  for (const message of messages) {
    visit(message, `${scope}.${message.name}`);
    walk(message.nestedType, `${scope}.${message.name}`, visit);
  }
}

/** What protobufjs leaves undone, and protoc does: names of the entries of maps, and full names of types. */
function asProtoc(file: File, name: string): void {
  const root = `.${file.package}`;
  const known = new Set(file.enumType.map((it) => `${root}.${it.name}`));
  file.name = name;
  file.syntax = 'proto3';
  walk(file.messageType, root, (message) => {
    for (const entry of message.nestedType) {
      const field = message.field.find(({ typeName }) => typeName === entry.name);
      if (entry.options?.mapEntry !== true || field === undefined) continue;
      entry.name = `${field.name.slice(0, 1).toUpperCase()}${field.name.slice(1)}Entry`;
      field.typeName = entry.name;
    }
  });
  walk(file.messageType, root, (message, full) => {
    known.add(full);
    for (const { name: own } of message.enumType) known.add(`${full}.${own}`);
  });
  const resolve = (type: string, scope: string): string => {
    if (type.startsWith('.')) return type;
    for (let from = scope; from !== ''; from = from.slice(0, from.lastIndexOf('.')))
      if (known.has(`${from}.${type}`)) return `${from}.${type}`;
    throw new Error(`expected ${type} in ${name}, found nothing`);
  };
  walk(file.messageType, root, (message, full) => {
    for (const field of message.field)
      if (typeof field.typeName === 'string' && field.typeName !== '')
        field.typeName = resolve(field.typeName, full);
  });
  for (const { method } of file.service)
    for (const each of method) {
      each.inputType = resolve(each.inputType, root);
      each.outputType = resolve(each.outputType, root);
    }
}

function compiled(name: string, path: string): string {
  const [type] = Object.values(loadSync(path, { keepCase: true })).filter(
    (each): each is MessageTypeDefinition<object, object> => 'fileDescriptorProtos' in each,
  );
  const bytes = type?.fileDescriptorProtos[0];
  if (bytes === undefined) throw new Error(`expected messages in ${path}, found none`);
  const { FileDescriptorProto } = (protobuf as unknown as { descriptor: { FileDescriptorProto: FileType } })
    .descriptor;
  const file = FileDescriptorProto.decode(bytes);
  asProtoc(file, name);
  return Buffer.from(FileDescriptorProto.encode(file).finish()).toString('base64');
}

/** The text of `src/grpc/descriptors.ts`. */
export async function descriptorsModule(): Promise<string> {
  const rows = Object.entries(FILES).map(([name, path]) => `'${name}': '${compiled(name, path)}',`);
  const text = `/**
 * Written by \`npm run grpc-descriptors\`: do not edit. The compiled form (\`FileDescriptorProto\`, base64) of the .proto files whose
 * services the gRPC port has, from the packages grpc-health-check and @grpc/reflection (gRPC authors, Apache-2.0).
 */
export const DESCRIPTORS: Readonly<Record<string, string>> = {
${rows.join('\n')}
};
`;
  return format(text, { ...(await resolveConfig(TARGET)), filepath: TARGET });
}

if (import.meta.main) await writeFile(TARGET, await descriptorsModule());
