/** Templates render as in Jinja2, and a template cannot stop the process. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { strftime } from './strftime.js';
import { Template } from './template.js';
import { TemplateError } from './templateError.js';

interface Values {
  readonly context: Readonly<Record<string, unknown>>;
  /** Templates with Jinja2's output; null if it raises an error. */
  readonly cases: readonly (readonly [string, string | null])[];
  readonly times: readonly (readonly [string, string, string])[];
}

const file = new URL('../../../../../test/oracle/values/jinja.json', import.meta.url);
const { context, cases, times } = JSON.parse(readFileSync(file, 'utf8')) as Values;
const now = new Date('2026-11-08T12:00:00Z');
const render = (source: string, variables: Readonly<Record<string, unknown>> = {}): string =>
  new Template(source).render(variables, now);

/** Returns the error of a template. */
function failure(source: string, variables?: Readonly<Record<string, unknown>>): TemplateError {
  try {
    render(source, variables);
  } catch (error) {
    assert.ok(error instanceof TemplateError, String(error));
    return error;
  }
  return assert.fail(`no error: ${source}`);
}

test('templates render as in Jinja2, and fail where it fails', () => {
  assert.ok(cases.length > 2000);
  for (const [source, expected] of cases) {
    if (expected === null) failure(source, context);
    else assert.equal(render(source, context), expected, source);
  }
});

test('dates are written as in Python, in English and UTC', () => {
  for (const [time, format, expected] of times) assert.equal(strftime(format, new Date(`${time}Z`)), expected, format);
  assert.equal(render("{{ strftime_now('%d %b %Y') }}"), '08 Nov 2026');
});

test('line ends are read as line feeds', () => {
  assert.equal(render('a\r\n{% if true %}\r\nb\r{% endif %}\r\nc\r\n'), 'a\nb\nc');
});

describe('an error has the line', () => {
  for (const [source, line, message] of [
    ['a\n{% if %}', 2, /expected an expression/],
    ['\n\n{{ x.y.z }}', 3, /'x' is undefined/],
    ["{% for i in [1] %}\n\n{{ raise_exception('roles must alternate') }}\n{% endfor %}", 3, /^roles must alternate$/],
    ['{% macro m() %}\n{{ 1 / 0 }}{% endmacro %}\n\n{{ m() }}', 2, /division by zero/],
    ['{{ "a" }}\n{% include "x" %}', 2, /needs other templates/],
    ['{# open\n', 1, /Missing end of comment/],
    ['a\n{{ "x\n" }} {{ y | nofilter }}', 3, /No filter named 'nofilter'/],
  ] as const) {
    test(`${line}: ${message.source}`, () => {
      const error = failure(source);
      assert.equal(error.line, line, error.message);
      assert.match(error.message, message);
    });
  }
});

/** A template that builds a list of 2^60 parts in 60 steps. */
const twice = (name: string, space = 'ns'): string =>
  `{% set ${space} = namespace(${name}=[1]) %}{% for i in range(60) %}{% set ${space}.${name} = [${space}.${name}, ${space}.${name}] %}{% endfor %}`;

describe('work is bounded', () => {
  for (const [name, source] of Object.entries({
    'nested loops': '{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}',
    'loops without output': '{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}',
    'a text that doubles':
      "{% set ns = namespace(s='x') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
    'a long product': "{{ 'x' * 10 ** 12 }}",
    'a list that doubles':
      '{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = ns.l + ns.l %}{% endfor %}',
    'a list that contains itself twice, printed': `${twice('l')}{{ ns.l }}`,
    'the same as JSON': `${twice('l')}{{ ns.l | tojson }}`,
    'two such lists, compared': `${twice('l')}${twice('k', 'other')}{{ ns.l == other.k }}`,
    powers: '{{ 10 ** (10 ** 10) }}',
    'a macro that calls itself': '{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}',
    'macros that call each other twice': '{% macro m(n) %}{{ m(n + 1) }}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}',
    'a wide column': "{{ 'x'.center(10 ** 12) }}{{ '%1000000000d' % 1 }}",
    'filters over filters':
      "{{ range(100000) | map('string') | join | list | map('upper') | join | batch(1) | list | string | list | batch(1) | list | string | list | length }}{% for a in range(1000) %}{{ range(100000) | list | length }}{% endfor %}",
    parentheses: `{{ ${'('.repeat(5000)}1${')'.repeat(5000)} }}`,
    blocks: '{% if true %}'.repeat(5000),
    'a chain of operators': `{{ 1${' + 1'.repeat(20000)} }}`,
    'a chain of filters': `{{ 1${' | string'.repeat(20000)} }}`,
  })) {
    test(name, () => {
      assert.ok(failure(source).message.length < 300);
    });
  }

  test('a long conversation is well within the bound', () => {
    const messages = Array.from({ length: 2000 }, (_, i) => ({ role: 'user', content: `${i} `.repeat(200) }));
    const text = render('{% for m in messages %}{{ m.role }}: {{ m.content | trim }}\n{% endfor %}', { messages });
    assert.ok(text.length > 1_000_000);
  });
});
