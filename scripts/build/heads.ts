/** What stands before the bundled code. */

/**
 * The head of a script. It lets one file run both as CommonJS and, under a package.json that says `"type": "module"`, as
 * an ES module; and it says clearly what is missing on an older Node.
 */
export const SCRIPT_HEAD = `#!/usr/bin/env node
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

/** What a part may use of the executable; the same names in both. */
export const PARAMETERS = [
  'module',
  'exports',
  'require',
  '__filename',
  '__dirname',
  '__module_url',
  '__part',
] as const;

/** The name of the asset that holds a part's code cache. */
export const cacheOf = (part: string): string => `${part}.cache`;

/** The head of an executable, whose parts are assets. A code cache that does not fit costs time and nothing else. */
export const EXECUTABLE_HEAD = `var __module_url = require('node:url').pathToFileURL(__filename).href;
var __parts = {};
function __part(name) {
  if (__parts[name]) return __parts[name].exports;
  var inner = (__parts[name] = { exports: {} });
  var sea = require('node:sea');
  var cache = sea.getAssetKeys().includes(name + '.cache') ? { cachedData: Buffer.from(sea.getRawAsset(name + '.cache')) } : {};
  var run = require('node:vm').compileFunction(sea.getAsset(name, 'utf8'), ${JSON.stringify(PARAMETERS)}, Object.assign({ filename: name }, cache));
  run(inner, inner.exports, require, __filename, __dirname, __module_url, __part);
  return inner.exports;
}
`;
