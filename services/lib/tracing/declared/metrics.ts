/** Every metric. A name is never changed in place: add the new one, and keep the old one for a release. */
import { lasting } from './lastingMetrics.js';
import type { MetricDeclaration } from './metricDeclaration.js';
import { present } from './processGauges.js';
import { ofRuns } from './runGauges.js';

export { prometheusName, type MetricDeclaration } from './metricDeclaration.js';

/** Metrics by group, as the documentation shows them. */
export const metricGroups = { lasting, present, ofRuns } as const;

/** The metrics by the keys that code uses. */
export const metrics = { ...lasting, ...present, ...ofRuns } as const;

/** The key of a declared metric. */
export type MetricKey = keyof typeof metrics;

type Metrics = typeof metrics;

/** The keys of the metrics of a group that have an instrument. */
type KeyIn<G extends Readonly<Record<string, MetricDeclaration>>, I extends MetricDeclaration['instrument']> = {
  [K in keyof G]: G[K]['instrument'] extends I ? K : never;
}[keyof G];

/** The key of a counter that code adds to. */
export type CounterKey = KeyIn<typeof lasting, 'counter'>;

/** The key of a histogram. */
export type HistogramKey = KeyIn<typeof lasting, 'histogram'>;

/** The key of a metric that is read when metrics are collected. */
export type ReadingKey = keyof typeof present | keyof typeof ofRuns;

/** The attributes of a measurement, by key: only those that the metric declares. */
export type MetricAttributes<K extends MetricKey> = {
  readonly [A in Metrics[K]['attributes'][number]]?: string | number | undefined;
};
