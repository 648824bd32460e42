// Lint rules: what the compiler cannot see. Style is prettier's.
import js from '@eslint/js';
import importX from 'eslint-plugin-import-x';
import jsdoc from 'eslint-plugin-jsdoc';
import tseslint from 'typescript-eslint';

/** Files are named in camelCase; `.spec.ts` is a test, `.fixture.ts` is what tests share. */
const fileName = {
  create: (context) => ({
    Program(node) {
      const name = context.filename.split('/').at(-1);
      if (/^[a-z][a-zA-Z0-9]*(\.(spec|fixture|config|gen))?\.[mc]?[jt]s$/.test(name)) return;
      context.report({ node, message: `${name}: file names are camelCase` });
    },
  }),
};

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
    plugins: { 'import-x': importX, gapo: { rules: { 'file-name': fileName } }, jsdoc },
    settings: { jsdoc: { mode: 'typescript' } },
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
      // A value that may be missing is handled or ruled out by its type; @gapo/numeric has at() and required().
      '@typescript-eslint/no-non-null-assertion': 'error',
      // Variables are camelCase, constants too, and PascalCase where they hold a class. What is destructured keeps its name.
      '@typescript-eslint/naming-convention': [
        'error',
        { selector: 'variable', format: ['camelCase', 'PascalCase'], leadingUnderscore: 'allow' },
        { selector: 'variable', modifiers: ['destructured'], format: null },
        { selector: 'function', format: ['camelCase'] },
        { selector: 'typeLike', format: ['PascalCase'] },
        { selector: 'classProperty', format: ['camelCase'], leadingUnderscore: 'forbid' },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: ':matches(PropertyDefinition, MethodDefinition[kind!="constructor"])[accessibility]',
          message: 'members are public, or #private',
        },
        {
          selector: 'PropertyDefinition[definite=true]',
          message: 'initialise the field, or give it a type that allows absence',
        },
        { selector: 'VariableDeclarator[definite=true]', message: 'initialise the variable' },
      ],
      // What a documented function throws is part of its contract.
      'jsdoc/require-throws': 'error',
      'jsdoc/check-param-names': ['error', { checkDestructured: false, disableMissingParamChecks: true }],
      'jsdoc/check-tag-names': ['error', { definedTags: ['remarks'] }],
      'gapo/file-name': 'error',
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
