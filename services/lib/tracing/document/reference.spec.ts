/** docs/telemetry.md is generated and complete, and names follow the conventions. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { attributes } from '../declared/attributes.js';
import { telemetryEvents } from '../declared/events.js';
import { metricGroups, metrics, prometheusName, type MetricDeclaration } from '../declared/metrics.js';
import { spans } from '../declared/spans.js';
import { referenceFile } from './files.js';
import { tableNames, withTables } from './tables.js';

const reference = readFileSync(referenceFile, 'utf8');
const declared: readonly MetricDeclaration[] = Object.values(metrics);

test('the committed tables are current: npm run docs:telemetry', () => {
  assert.equal(withTables(reference), reference);
  for (const name of tableNames) assert.ok(reference.includes(`<!-- table: ${name} -->`), name);
  assert.throws(() => withTables('<!-- table: spams --><!-- end -->'), /no table "spams"/);
});

test('names are unique, in lower case, and those of conventions or in our namespace', () => {
  const ours =
    /^(gapo|rl|rpc|http|process|v8js|nodejs|hw|gen_ai|messaging|server|url|cpu|error|exception)\.[a-z0-9_.]*[a-z0-9]$/;
  for (const group of [attributes, spans, telemetryEvents, metrics]) {
    const names = Object.values<{ readonly name: string }>(group).map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    for (const name of names) assert.match(name, ours);
  }
  const inPrometheus = declared.map(prometheusName);
  assert.equal(new Set(inPrometheus).size, inPrometheus.length);
});

test('only gauges that end with their run have the run as an attribute', () => {
  const withRun = declared.filter(({ attributes: keys }) => keys.includes('runId'));
  assert.deepEqual(withRun, Object.values(metricGroups.ofRuns));
  assert.ok(withRun.every(({ instrument }) => instrument === 'gauge'));
});

test('a histogram has ascending buckets, and others have none', () => {
  for (const { name, instrument, buckets } of declared) {
    assert.equal(buckets !== undefined, instrument === 'histogram', name);
    assert.deepEqual(buckets, buckets && [...new Set(buckets)].sort((a, b) => a - b), name);
  }
});
