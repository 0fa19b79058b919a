/**
 * The types and the lint in one process: what `npm run typecheck` and `npm run lint` say, from one program of the compiler each for the
 * project and for the page. The lint asks the compiler for types; to check them a second time in a process of its own costs 25 s of CPU.
 */
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ESLint } from 'eslint';
import ts from 'typescript';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const PROJECTS = ['tsconfig.json', 'src/control/page/browser/tsconfig.json'];

const format = {
  getCurrentDirectory: () => ROOT,
  getCanonicalFileName: (name) => name,
  getNewLine: () => '\n',
};

/** A project's program, and what `tsc -p` would say of it. */
function check(project) {
  const config = ts.getParsedCommandLineOfConfigFile(join(ROOT, project), undefined, {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: (diagnostic) => {
      throw new Error(ts.formatDiagnostic(diagnostic, format));
    },
  });
  const program = ts.createProgram({ rootNames: config.fileNames, options: config.options });
  const found = [...config.errors, ...ts.getPreEmitDiagnostics(program)];
  console.log(
    `types of ${project}: ${String(config.fileNames.length)} files, ${String(found.length)} faults`,
  );
  if (found.length > 0) console.log(ts.formatDiagnosticsWithColorAndContext(found, format));
  return { program, ok: found.length === 0 };
}

const checked = PROJECTS.map(check);
const eslint = new ESLint({
  cwd: ROOT,
  overrideConfig: {
    files: ['**/*.ts'],
    languageOptions: {
      parserOptions: { projectService: false, programs: checked.map(({ program }) => program) },
    },
  },
});
const results = await eslint.lintFiles('.');
const told = results.filter(({ errorCount, warningCount }) => errorCount + warningCount > 0);
console.log(`lint: ${String(results.length)} files, ${String(told.length)} with faults`);
if (told.length > 0) {
  const formatter = await eslint.loadFormatter('stylish');
  console.log(
    await formatter.format(told.map((result) => ({ ...result, filePath: relative(ROOT, result.filePath) }))),
  );
}
if (told.length > 0 || checked.some(({ ok }) => !ok)) process.exitCode = 1;
