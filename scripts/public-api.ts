/**
 * `npm run api`: writes `docs/api.md`, everything that `src/index.ts` exports, with its shape; `--check` exits 1 when it is stale. A change
 * of the public surface is then seen in the diff of one file, and an accidental one fails the tests.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import ts from 'typescript';

const ROOT = join(import.meta.dirname, '..');
const FILE = join(ROOT, 'docs', 'api.md');
const ENTRY = join(ROOT, 'src', 'index.ts');

/** One name that the library exports. */
export interface PublicName {
  readonly name: string;
  /** Its declaration without bodies and comments. */
  readonly shape: string;
  /** The first paragraph of its docstring; empty where there is none. */
  readonly doc: string;
  /** Where it is declared, from the root. */
  readonly file: string;
}

const HEAD = `# The library's public surface

Generated from \`src/index.ts\` by \`npm run api\`: what a program may import from \`@coresdk/sidecar-updater\`. Whatever is not here may change
at any time. How to use it: [library.md](library.md).

`;

const INFERRED: ts.TypeFormatFlags = ts.TypeFormatFlags.NoTruncation | ts.TypeFormatFlags.InTypeAlias;

function program(): ts.Program {
  const path = join(ROOT, 'tsconfig.json');
  const { config } = ts.readConfigFile(path, (file) => ts.sys.readFile(file)) as { config: unknown };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  return ts.createProgram([ENTRY], options);
}

/** A declaration without bodies and initial values: what a caller sees. */
function withoutBodies(node: ts.Declaration): ts.Node {
  const { factory } = ts;
  if (ts.isFunctionDeclaration(node))
    return factory.updateFunctionDeclaration(
      node,
      node.modifiers?.filter(({ kind }) => kind !== ts.SyntaxKind.AsyncKeyword),
      node.asteriskToken,
      node.name,
      node.typeParameters,
      node.parameters,
      node.type,
      undefined,
    );
  if (!ts.isClassDeclaration(node)) return node;
  const members = node.members.map((member) => {
    if (ts.isConstructorDeclaration(member))
      return factory.updateConstructorDeclaration(member, member.modifiers, member.parameters, undefined);
    if (ts.isMethodDeclaration(member))
      return factory.updateMethodDeclaration(
        member,
        member.modifiers,
        member.asteriskToken,
        member.name,
        member.questionToken,
        member.typeParameters,
        member.parameters,
        member.type,
        undefined,
      );
    if (ts.isGetAccessorDeclaration(member))
      return factory.updateGetAccessorDeclaration(
        member,
        member.modifiers,
        member.name,
        member.parameters,
        member.type,
        undefined,
      );
    return member;
  });
  return factory.updateClassDeclaration(
    node,
    node.modifiers,
    node.name,
    node.typeParameters,
    node.heritageClauses,
    members,
  );
}

function shapeOf(node: ts.Declaration, checker: ts.TypeChecker): string {
  if (ts.isVariableDeclaration(node)) {
    const type = checker.typeToString(checker.getTypeAtLocation(node), node);
    return `const ${node.name.getText()}: ${type}`;
  }
  // What a schema infers is told as it comes out.
  if (ts.isTypeAliasDeclaration(node) && node.type.getText().startsWith('z.infer'))
    return `type ${node.name.text} = ${checker.typeToString(checker.getTypeAtLocation(node), node, INFERRED)}`;
  const printer = ts.createPrinter({ removeComments: true });
  return printer
    .printNode(ts.EmitHint.Unspecified, withoutBodies(node), node.getSourceFile())
    .replace(/^export (declare )?/, '');
}

/** Reads everything that the library exports, in the order of the names. */
export function readPublicApi(): PublicName[] {
  const compiled = program();
  const checker = compiled.getTypeChecker();
  const entry = compiled.getSourceFile(ENTRY);
  const module = entry === undefined ? undefined : checker.getSymbolAtLocation(entry);
  if (module === undefined) throw new Error(`expected a module at ${ENTRY}`);
  return checker
    .getExportsOfModule(module)
    .map((exported) => {
      const symbol =
        (exported.flags & ts.SymbolFlags.Alias) === 0 ? exported : checker.getAliasedSymbol(exported);
      const declarations = symbol.declarations ?? [];
      const doc = ts.displayPartsToString(symbol.getDocumentationComment(checker));
      return {
        name: exported.name,
        shape: declarations.map((it) => shapeOf(it, checker)).join('\n'),
        doc: (doc.split(/\n\s*\n/)[0] ?? '').replaceAll(/\s+/g, ' ').trim(),
        file: relative(ROOT, declarations[0]?.getSourceFile().fileName ?? ''),
      };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The text of `docs/api.md`. */
export function apiText(names: readonly PublicName[]): string {
  return (
    HEAD +
    names
      .map(
        ({ name, doc, shape, file }) =>
          `## ${name}\n\n${doc} [${file}](../${file})\n\n\`\`\`ts\n${shape}\n\`\`\`\n`,
      )
      .join('\n')
  );
}

async function main(check: boolean): Promise<number> {
  const text = apiText(readPublicApi());
  if (!check) {
    await writeFile(FILE, text);
    return 0;
  }
  if ((await readFile(FILE, 'utf8').catch(() => '')) === text) return 0;
  console.error(
    'docs/api.md is stale: run `npm run api`, and say in the changelog what became of the public surface',
  );
  return 1;
}

if (import.meta.main) process.exitCode = await main(process.argv.includes('--check'));
