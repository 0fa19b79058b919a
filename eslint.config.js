// The typed linter. The layering between folders is in .dependency-cruiser.cjs; purity of the machines is here.
import tseslint from 'typescript-eslint';

/** What a statechart must not touch: time, chance, I/O, the process. Whatever it needs is injected. */
const IMPURE = [
  'AbortController',
  'AbortSignal',
  'Buffer',
  'Date',
  'WebSocket',
  'clearInterval',
  'clearTimeout',
  'console',
  'crypto',
  'fetch',
  'global',
  'globalThis',
  'navigator',
  'performance',
  'process',
  'queueMicrotask',
  'require',
  'setImmediate',
  'setInterval',
  'setTimeout',
].map((name) => ({ name, message: 'Machines are pure: put it into a service and inject it.' }));

export default tseslint.config(
  {
    ignores: [
      'node_modules/',
      'dist/',
      'coverage/',
      'statecharts/',
      'test/adapters/first-daemon/adapters.mjs',
    ],
  },
  {
    linterOptions: { reportUnusedDisableDirectives: 'error' },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      'object-shorthand': 'error',
      'no-empty': 'error',
      '@typescript-eslint/consistent-type-imports': [
        'error',
        // A type that is named once, far from the imports, as in `import('node:crypto').KeyObject`.
        { disallowTypeAnnotations: false },
      ],
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // `erasableSyntaxOnly`: there is no enum. The rule looks at the types of everything all the same, and costs seconds.
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
      // An async method without await is on purpose: where its port promises, it rejects instead of throwing.
      '@typescript-eslint/require-await': 'off',
      // `while (true)` with a return inside is how a poll reads best.
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
    },
  },
  {
    files: ['src/machines/**/*.ts', 'src/statechart/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', ...IMPURE],
      'no-restricted-properties': [
        'error',
        {
          object: 'Math',
          property: 'random',
          message: 'Machines are pure: chance comes in with an event or input.',
        },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: 'ImportExpression', message: 'Machines are pure: nothing is loaded while they run.' },
        { selector: 'AwaitExpression', message: 'Machines are pure: what waits is a service.' },
      ],
    },
  },
  {
    // The types of a machine are inferred from setup(); writing them out would say everything twice.
    files: ['src/machines/**/*.ts'],
    rules: { '@typescript-eslint/explicit-module-boundary-types': 'off' },
  },
  {
    // Services wait on the clock that is injected, so that tests decide about time. Reading a date is no clock.
    files: ['src/services/**/*.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...['console', 'fetch', 'performance', 'process', 'setInterval', 'setTimeout'].map((name) => ({
          name,
          message: 'Services reach the world only through ports.',
        })),
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector:
            "CallExpression[callee.object.name='Date'][callee.property.name='now'], NewExpression[callee.name='Date'][arguments.length=0], CallExpression[callee.object.name='Math'][callee.property.name='random']",
          message: 'Services take time and chance from the Clock port.',
        },
      ],
    },
  },
  {
    files: ['test/**/*.ts', 'demo/**/*.ts', 'bench/**/*.ts'],
    rules: {
      '@typescript-eslint/explicit-module-boundary-types': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      // Matchers such as expect.any() and JSON.parse() are `any` by their own types.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      // A broken fixture is better than a branch that no test takes.
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    // Plain JavaScript: it runs before anything is built, on any Node.
    files: ['**/*.js', '**/*.mjs', '**/*.cjs'],
    rules: {
      eqeqeq: 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      'no-undef': 'off',
      'no-unused-vars': 'error',
    },
  },
);
