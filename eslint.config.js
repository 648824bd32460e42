// Lint rules: what the compiler cannot see. Style is prettier's.
import js from '@eslint/js';
import importX from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  {
    ignores: [
      '**/dist/',
      '**/node_modules/',
      'services/lib/rpc/gen/',
      'runs/',
      'docs/api/',
      'examples/assistant/models/',
    ],
  },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    plugins: { 'import-x': importX },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // A promise that nobody waits for hides its error. `void` marks the ones whose end does not matter.
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: true }],
      // Each package has one public mod.ts: nothing imports past it.
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['@gapo/*/*'], message: 'import from the package itself' }] },
      ],
      'import-x/no-cycle': 'error',
      'import-x/no-duplicates': ['error', { 'prefer-inline': true }],
      // Built-in modules, packages, then this package from far to near; each group by name.
      'import-x/order': [
        'error',
        {
          groups: ['builtin', 'external', 'parent', 'sibling', 'index'],
          'newlines-between': 'never',
          alphabetize: { order: 'asc', caseInsensitive: true },
        },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allowNever: true },
      ],
      // Indexed access is checked by the compiler (noUncheckedIndexedAccess); where a bound was just tested, `!` says so.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-invalid-void-type': 'off',
      // An async function without await turns a thrown error into a rejection: what callers of an async interface expect.
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    files: ['services/lib/page/browser/**/*.ts'],
    rules: {
      // What a browser can have of a package that needs node: types of JSON, and a module without imports.
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: ['@gapo/*', '!@gapo/rpc', '@gapo/rpc/*', '!@gapo/rpc/json', '!@gapo/rpc/runState'],
              message: 'a browser cannot run it',
            },
          ],
        },
      ],
    },
  },
  {
    files: ['**/*.spec.ts', '**/*.fixture.ts', 'test/**/*.ts'],
    rules: {
      // A package may offer what its tests are made of to the tests of others, as PACKAGE/testing: no image has it.
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['@gapo/*/*', '!@gapo/*/testing'], message: 'import from the package itself' }] },
      ],
      // node:test's functions return promises that the runner itself awaits.
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            {
              from: 'package',
              package: 'node:test',
              name: ['test', 'it', 'describe', 'suite', 'before', 'after', 'beforeEach', 'afterEach'],
            },
          ],
        },
      ],
    },
  },
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: {
      globals: {
        Buffer: 'readonly',
        console: 'readonly',
        process: 'readonly',
        setImmediate: 'readonly',
        URL: 'readonly',
      },
    },
  },
);
