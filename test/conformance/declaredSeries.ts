/** The Prometheus series of the declared metrics, and their labels. */
import assert from 'node:assert/strict';
import { declaredAttributes, declaredMetrics, prometheusName } from '@gapo/tracing';

const series: ReadonlySet<string> = new Set(
  Object.values(declaredMetrics).flatMap((metric) => {
    const name = prometheusName(metric);
    return metric.instrument === 'histogram' ? ['_bucket', '_count', '_sum'].map((part) => name + part) : [name];
  }),
);

/** Labels from attributes, and labels added by Prometheus. */
const labels: ReadonlySet<string> = new Set([
  ...Object.values(declaredAttributes).map(({ name }) => name.replaceAll('.', '_')),
  'job',
  'instance',
]);

/** Asserts that a PromQL query uses only declared series and labels, and at least one series. */
export function assertDeclared(query: string, where: string): void {
  const words = [...query.matchAll(/\b(?:gapo|rl|rpc|http|process|hw|nodejs|v8js|error)_\w+/g)].map(([word]) => word);
  assert.ok(words.some((word) => series.has(word)), `${where}: ${query} has no series`); // prettier-ignore
  for (const word of words) assert.ok(series.has(word) || labels.has(word), `${where}: nothing is named ${word}`);
}

/** Asserts that a label exists on declared series. */
export function assertLabel(label: string, where: string): void {
  assert.ok(labels.has(label), `${where}: no label ${label}`);
}
