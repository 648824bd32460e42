/** The dashboards in deploy/observability query declared series, with queries that Prometheus can parse. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { queriesIn } from '../dashboardQueries.fixture.js';
import { assertDeclared, assertLabel } from './declaredSeries.js';
import { projectRoot } from './services.js';

const folder = join(projectRoot, 'deploy/observability/dashboards');
const dashboards = new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]));

const promtool = process.env['PROMTOOL'] ?? 'promtool';
const { error: absent } = spawnSync(promtool, ['--version']);

test('every query is of declared series, and every legend of their labels', () => {
  for (const [name, text] of dashboards) {
    const queries = queriesIn(text);
    assert.ok(queries.length > 5, name);
    for (const { panel, expr, legend } of queries) {
      assertDeclared(expr, `${name}: ${panel}`);
      for (const [, label = ''] of legend.matchAll(/\{\{(\w+)\}\}/g)) assertLabel(label, `${name}: ${panel}`);
    }
  }
});

test('every variable is one that the dashboard has', () => {
  for (const [name, text] of dashboards) {
    const { templating } = JSON.parse(text) as { templating: { list: { name: string }[] } };
    const known = new Set([...templating.list.map((variable) => variable.name), '__rate_interval', '__all']);
    for (const [, variable = ''] of text.matchAll(/\$\{?(\w+)/g))
      assert.ok(known.has(variable), `${name}: $${variable}`);
  }
});

test(
  'promtool parses every query',
  { skip: absent !== undefined && 'promtool is not available (Debian: prometheus)' },
  () => {
    const directory = mkdtempSync(join(tmpdir(), 'gapo-dashboards-'));
    try {
      const queries = [...dashboards.values()].flatMap(queriesIn);
      const rules = queries.map(({ evaluable }, i) => ({ record: `query${i}`, expr: evaluable }));
      const file = join(directory, 'rules.yaml');
      writeFileSync(file, stringify({ groups: [{ name: 'dashboards', rules }] }));
      const { status, stderr, stdout } = spawnSync(promtool, ['check', 'rules', file], { encoding: 'utf8' });
      assert.equal(status, 0, stdout + stderr);
      assert.match(stdout, new RegExp(`${queries.length} rules found`));
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
);
