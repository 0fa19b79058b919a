/**
 * Packs parts of the program, so that starting it costs no more than what the call needs: V8 reads every character of a script
 * before it runs the first, and `core --version` needs almost none of them.
 *
 * Invariant: packing is reversible and deterministic; `unpackProgram` shows what is inside, so that checks of the shipped program
 * look at the code and not at its compressed form.
 */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

const PACKED = /__packed\("([A-Za-z0-9+/=]+)"\)/g;

/** What the packed part may use of the file that it lies in; the same names in both. */
const SHARED = ['require', '__filename', '__dirname', '__module_url', '__packed'];

/** Defines `__packed`, once a program. */
export const UNPACKER = `function __packed(text) {
  var inner = { exports: {} };
  var code = process.getBuiltinModule('node:zlib').zstdDecompressSync(Buffer.from(text, 'base64')).toString();
  process.getBuiltinModule('node:vm').compileFunction(code, ['module', 'exports', ${SHARED.map((name) => `'${name}'`).join(', ')}], { filename: __filename })(inner, inner.exports, ${SHARED.join(', ')});
  return inner.exports;
}
`;

/**
 * The text of an ES module that stands for another one, packed.
 *
 * @param code - the module, bundled as CommonJS
 * @param exported - the name that it exports
 */
export function packModule(code: string, exported: string): string {
  const packed = zstdCompressSync(code, { params: { [constants.ZSTD_c_compressionLevel]: 19 } });
  return `export const { ${exported} } = __packed("${packed.toString('base64')}");`;
}

/**
 * The whole code of a program, the packed parts included.
 *
 * @param program - its text
 * @example
 * unpackProgram(await readFile('dist/coresdk-sidecar', 'utf8')).includes('fault point'); // false
 */
export function unpackProgram(program: string): string {
  return program.replaceAll(PACKED, (_, text: string) =>
    // A packed part may hold packed parts.
    unpackProgram(zstdDecompressSync(Buffer.from(text, 'base64')).toString()),
  );
}
