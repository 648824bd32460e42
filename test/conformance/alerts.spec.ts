/**
 * The alerts of deploy/observability: they use declared metrics, each is tested with its cause, and the chart has the
 * same ones.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { declaredMetrics, prometheusName } from '@gapo/tracing';
import { parse } from 'yaml';
import { assertDeclared, assertLabel } from './declaredSeries.js';
import { projectRoot } from './services.js';

const folder = join(projectRoot, 'deploy/observability');
const read = (name: string): string => readFileSync(join(folder, name), 'utf8');

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: Readonly<Record<string, string>>;
}

const { groups } = parse(read('alerts.yaml')) as { groups: { rules: Alert[] }[] };
const alerts = groups.flatMap(({ rules }) => rules);

/** promtool, at PROMTOOL or on PATH. */
const promtool = process.env['PROMTOOL'] ?? 'promtool';
const { error: absent } = spawnSync(promtool, ['--version']);
const skip = absent !== undefined && 'promtool is not available (Debian: prometheus)';

test('alerts use declared metrics and attributes', () => {
  for (const { alert, expr, annotations } of alerts) {
    assertDeclared(expr, alert);
    const shown = Object.values(annotations)
      .join()
      .matchAll(/\$labels\.(\w+)/g);
    for (const [, label = ''] of shown) assertLabel(label, alert);
  }
});

test('no name is one that Prometheus reserves', () => {
  for (const metric of Object.values(declaredMetrics)) {
    assert.doesNotMatch(prometheusName(metric), /_(count|sum|bucket)$/);
  }
});

test('each alert has a test of its cause', () => {
  const { tests } = parse(read('alerts.test.yaml')) as {
    tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[];
  };
  const caused = tests.flatMap(({ alert_rule_test: of }) =>
    of.filter(({ exp_alerts: expected }) => expected.length > 0).map(({ alertname }) => alertname),
  );
  assert.deepEqual([...new Set(caused)].sort(), alerts.map(({ alert }) => alert).sort());
});

test('promtool accepts the alerts, and each fires by its cause alone', { skip }, () => {
  for (const args of [
    ['check', 'rules', '--lint-fatal', 'alerts.yaml'],
    ['test', 'rules', 'alerts.test.yaml'],
  ]) {
    const { status, stdout, stderr } = spawnSync(promtool, args, { cwd: folder, encoding: 'utf8' });
    assert.equal(status, 0, stdout + stderr);
  }
});

test('the alerts of the chart are the same', () => {
  assert.equal(
    readFileSync(join(projectRoot, 'deploy/helm/gapo/alerts.yaml'), 'utf8'),
    read('alerts.yaml'),
    'deploy/observability/alerts.yaml is a link to the file of the chart',
  );
});
