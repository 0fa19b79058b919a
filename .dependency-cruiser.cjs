/**
 * The layering of the design as rules: dependencies point down only through ports. Each folder lists what it may
 * import; anything else is an error. Run: npm run arch
 */

const LIB = '^node_modules/';
const NODE = { dependencyTypesNot: ['core'] };

/** A rule that `folder` imports nothing but `allowed` (patterns of paths), and of Node only `core` (true: all of it). */
function only(folder, allowed, { core = [], libraries = [], except = [] } = {}) {
  const own = `^src/${folder}/`;
  const rules = [
    {
      name: `${folder}-layer`,
      comment: `src/${folder} may import only: itself, ${allowed.join(', ')}`,
      severity: 'error',
      from: { path: own, pathNot: except },
      to: { path: '^src/', pathNot: [own, ...allowed] },
    },
  ];
  if (libraries !== true)
    rules.push({
      name: `${folder}-libraries`,
      comment: `src/${folder} may use only these libraries: ${libraries.join(', ') || 'none'}`,
      severity: 'error',
      from: { path: own, pathNot: except },
      to: { path: LIB, pathNot: libraries.map((name) => `^node_modules/${name}/`), ...NODE },
    });
  if (core !== true)
    rules.push({
      name: `${folder}-node`,
      comment: `src/${folder} may use only these modules of Node: ${core.join(', ') || 'none'}`,
      severity: 'error',
      from: { path: own, pathNot: except },
      to: { dependencyTypes: ['core'], pathNot: core.map((name) => `^(node:)?${name}$`) },
    });
  return rules;
}

const TYPES = '^src/types\\.ts$';
const ERRORS = '^src/error(s|-codes)\\.ts$';
const STEPS = '^src/steps\\.ts$';
const PORTS = '^src/services/ports(\\.ts$|/)';
const BUNDLE = '^src/bundle/';
const GRPC = '^src/grpc/';
const SOCKETS = '^src/sockets/';
const FLEET = '^src/fleet/';
const CONTROL_CLIENT = '^src/control/';

module.exports = {
  forbidden: [
    ...only('machines', [TYPES, ERRORS, STEPS], { libraries: ['xstate'] }),
    ...only('services', [TYPES, ERRORS, STEPS, BUNDLE], {
      libraries: ['semver', '@types/semver', 'xstate'],
      core: ['crypto', 'path'],
    }),
    ...only('adapters', [TYPES, ERRORS, BUNDLE, PORTS, GRPC, SOCKETS, FLEET], {
      core: true,
      libraries: true,
    }),
    ...only('bundle', [TYPES, ERRORS], {
      libraries: true,
      core: ['buffer', 'crypto', 'events', 'path', 'stream', 'stream/promises', 'util', 'zlib'],
    }),
    ...only('fleet', [TYPES, ERRORS, BUNDLE, PORTS, '^src/control/api\.ts$'], {
      core: true,
      libraries: true,
    }),
    ...only('config', [TYPES, ERRORS], {
      core: ['crypto', 'fs', 'fs/promises', 'path', 'os'],
      libraries: ['yaml', 'zod'],
    }),
    ...only('control', [TYPES, ERRORS, PORTS], { core: true, libraries: true }),
    ...only('publish', [TYPES, ERRORS, BUNDLE], { core: true, libraries: true }),
    ...only(
      'cli',
      [
        TYPES,
        ERRORS,
        BUNDLE,
        CONTROL_CLIENT,
        FLEET,
        '^src/config/',
        '^src/publish/',
        '^src/statechart/',
        '^src/embedded\\.ts$',
      ],
      {
        core: true,
        libraries: true,
      },
    ),
    ...only(
      'doctor',
      [
        TYPES,
        ERRORS,
        BUNDLE,
        '^src/services/',
        '^src/adapters/',
        '^src/config/',
        '^src/control/api\\.ts$',
        '^src/embedded\\.ts$',
      ],
      { core: true },
    ),
    ...only('grpc', []),
    ...only('sockets', [ERRORS], { core: ['fs', 'fs/promises'] }),
    ...only('sidecar', [TYPES, ERRORS, GRPC, SOCKETS], { core: true, libraries: true }),
    ...only('statechart', [TYPES, STEPS, ERRORS, BUNDLE, '^src/machines/'], { libraries: ['xstate', 'zod'] }),
    {
      name: 'machines-types-only',
      comment: 'Machines take only types from the rest of the program: they are data, and pure',
      severity: 'error',
      from: { path: '^src/machines/' },
      to: { path: '^src/', pathNot: '^src/machines/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'ports-are-types',
      comment: 'A port is an interface: it takes only types',
      severity: 'error',
      from: { path: PORTS },
      to: { dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'xstate-apart',
      comment: 'xstate is for machines, the one door of the services, and the composition root',
      severity: 'error',
      from: { path: '^src/(adapters|bundle|config|control|publish|cli|sidecar)/' },
      to: { path: '^node_modules/xstate/' },
    },
    {
      name: 'services-know-no-xstate',
      comment: 'Services are plain functions; only the doors of the two machines make actors of them',
      severity: 'error',
      from: { path: '^src/services/', pathNot: '^src/services/(index|supervise)\\.ts$' },
      to: { path: '^node_modules/xstate/' },
    },
    {
      name: 'foundation',
      comment:
        'types, steps, errors and the table of codes import nothing but each other, and the formats’ types',
      severity: 'error',
      from: { path: [TYPES, STEPS, ERRORS] },
      to: { pathNot: [TYPES, STEPS, ERRORS, BUNDLE] },
    },
    {
      name: 'foundation-types-only',
      severity: 'error',
      from: { path: [TYPES, STEPS] },
      to: { dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'foundation-errors',
      comment: 'errors are known everywhere, so they know nothing',
      severity: 'error',
      from: { path: ERRORS },
      to: { pathNot: ERRORS },
    },
    {
      name: 'embedded-is-types',
      comment: 'What the build replaces as a whole takes only types',
      severity: 'error',
      from: { path: '^src/embedded\\.ts$' },
      to: { dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'nothing-above',
      comment: 'Nothing imports the composition root, the library’s front or the program from below',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: '^src/daemon/' },
      to: { path: ['^src/(main|index|daemon|supervisor)\\.ts$', '^src/daemon/'] },
    },
    {
      name: 'main-is-an-end',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^src/main\\.ts$' },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-orphans',
      comment: 'A module that nothing imports is dead; the ends of the program and pure types are none',
      severity: 'error',
      from: { orphan: true, path: '^src/', pathNot: '^src/(main|index)\\.ts$' },
      to: {},
    },
    {
      name: 'page-is-apart',
      comment: 'The page runs in a browser: of the rest of the program it takes only types',
      severity: 'error',
      from: { path: '^src/control/page/browser/' },
      to: {
        path: '^(src|node_modules)/',
        pathNot: '^src/control/page/browser/',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'no-dead-modules',
      comment: 'Every module is part of the program or of the library; statechart is part of the tooling',
      severity: 'error',
      from: { path: '^src/(main|index)\\.ts$' },
      to: {
        path: '^src/',
        pathNot: '^src/(statechart/|control/page/browser/|(main|index)\\.ts$)',
        reachable: false,
      },
    },
    {
      name: 'no-dev-dependencies',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], pathNot: '^node_modules/@types/' },
    },
    {
      name: 'resolvable',
      comment: 'Node has node:ffi; the list of its modules that is used here does not know it yet',
      severity: 'error',
      from: { path: '^src/' },
      to: { couldNotResolve: true, pathNot: '^ffi$' },
    },
    {
      name: 'no-tests-in-src',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|demo|scripts|bench)/' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
    },
    detectProcessBuiltinModuleCalls: true,
  },
};
