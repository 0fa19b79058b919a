import type { Form } from './options.ts';

/**
 * The head of a script. It lets one file run both as CommonJS and, under a package.json that says `"type": "module"`, as
 * an ES module; and it says clearly what is missing on an older Node.
 */
const SCRIPT = `#!/usr/bin/env node
if (!(parseInt(process.versions.node, 10) >= 26)) {
  console.error('coresdk-sidecar: expected Node.js 26 or later, found ' + process.versions.node);
  process.exit(1);
}
var __filename = typeof __filename === 'string' ? __filename : process.getBuiltinModule('node:fs').realpathSync(process.argv[1]);
var __dirname = typeof __dirname === 'string' ? __dirname : process.getBuiltinModule('node:path').dirname(__filename);
var require = typeof require === 'function' ? require : process.getBuiltinModule('node:module').createRequire(__filename);
var module = typeof module === 'object' ? module : { exports: {} };
var __module_url = process.getBuiltinModule('node:url').pathToFileURL(__filename).href;
`;

/** The head of an executable: `__filename` and `require` are there, and its Node is the one that it was built with. */
const EXECUTABLE = `var __module_url = require('node:url').pathToFileURL(__filename).href;
`;

/** What stands before the bundled code. */
export const HEADS: Readonly<Record<Form, string>> = { script: SCRIPT, executable: EXECUTABLE };
