/** Chat templates, parsed and rendered. */
import { ChatTemplate } from '@gapo/model';
import { damagedText } from '../mutations/texts.js';
import { type OpenTarget, target } from '../target.js';

const templates: readonly string[] = [
  "{% for message in messages %}{{ '<|' + message.role + '|>' + message['content'] | trim + '\\n' }}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}",
  `{%- if messages[0]['role'] == 'system' -%}
  {%- set system = messages[0]['content'] -%}{%- set rest = messages[1:] -%}
{%- else -%}{%- set rest = messages -%}{%- endif -%}
{{- bos_token -}}
{%- for m in rest -%}
  {%- if (m.role == 'user') != (loop.index0 % 2 == 0) -%}{{ raise_exception('roles must alternate') }}{%- endif -%}
  {{ '[INST] ' ~ m.content | upper | replace('a', 'b') ~ ' [/INST]' if m.role == 'user' else m.content ~ eos_token }}
{%- endfor -%}`,
  `{% macro show(x, n=2) %}{{ x * n }}{% endmacro %}
{% set ns = namespace(found=false, list=[]) %}
{% for m in messages if m.content is string and m.content | length > 1 %}
{% set ns.found = true %}{{ show(m.content) }}{{ loop.cycle('a', 'b') }}{{ m | tojson(indent=2) }}
{% endfor %}{{ '%s %5.2f' | format('a', 1.5) }}{{ range(3) | list }}{{ strftime_now('%d %B %Y') }}
{% generation %}{{ messages | map(attribute='role') | join(', ') }}{% endgeneration %}`,
];

const jinja: readonly string[] = [
  '{{',
  '}}',
  '{%',
  '%}',
  '{#',
  '#}',
  '{%- raw %}',
  '{% endraw %}',
  '{% endfor %}',
  '{% endif %}',
  '{% else %}',
  '{% for i in range(10 ** 9) %}{% endfor %}',
  '{% for a in range(2000) %}{% for b in range(2000) %}{{ a * b }}{% endfor %}{% endfor %}',
  "{{ 'x' * 10 ** 9 }}",
  "{{ ['x'] * 10 ** 9 }}",
  '{{ 10 ** 10 ** 10 }}',
  '{{ 1 << 99999999 }}',
  '{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}',
  "{% set x = 'a' %}{% for i in range(99) %}{% set x = x + x %}{% endfor %}",
  '{% set ns = namespace(x="a") %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}',
  '{% set ns = namespace(x=[]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}',
  '{{ "".__class__.__mro__ }}',
  '{{ messages.__proto__.polluted }}',
  "{{ constructor.constructor('return process')() }}",
  '{% set __proto__ = {"polluted": 1} %}',
  '{% set ns = namespace() %}{% set ns.__proto__ = 1 %}{{ ns.constructor }}',
  "{{ {'__proto__': {'a': 1}}.a }}",
  "{{ messages | groupby('role') }}",
  "{{ messages | sort(attribute='content') }}",
  '{{ x | indent(99999999) }}',
  "{{ 'a' | center(999999999) }}",
  "{{ '%999999999d' % 1 }}",
  "{{ '{:>999999999}'.format(1) }}",
  "{{ 'a'.zfill(999999999) }}",
  "{{ 'a'.replace('', 'b' * 100000) }}",
  "{{ 'ab'.split('') }}",
  '{{ 1 / 0 }}',
  '{{ 1 % 0 }}',
  '{{ -1 ** 0.5 }}',
  "{{ '1e999' | float | int }}",
  '{{ [1, 2][::0] }}',
  "{{ 'abc'[99999999999999999999:] }}",
  '{% break %}',
  '{% continue %}',
  '{{ (',
  '('.repeat(500),
  'not '.repeat(2000),
  '- '.repeat(3000),
  '{% if a %}'.repeat(2000),
  "{{ 'a' ~ ".repeat(1000),
  'a.'.repeat(3000),
  '{% for a in messages %}'.repeat(500),
  '[1]'.repeat(2000),
  '| trim '.repeat(3000),
  '{{ "\\u',
  "'",
  '`',
  '{% call %}',
  '{% filter upper %}',
];

const conversation = [
  { role: 'system', content: 'Be kind. \ud800' },
  { role: 'user', content: 'Hello, __proto__?' },
  { role: 'assistant', content: 'constructor' },
];

export const chatTemplates: OpenTarget = async (directory) =>
  target(
    damagedText(templates, jinja),
    async (source) => {
      const template = await ChatTemplate.read(
        directory,
        { chat_template: source },
        { bos_token: '<s>', eos_token: '</s>' },
      );
      template?.assertExchange();
      template?.render(conversation, true);
    },
    { expects: (error) => error instanceof Error && error.name === 'TemplateError' },
  );
