/**
 * Measurements of declared metrics, with declared attributes alone. While metrics are off, a measurement costs a look-up.
 *
 * A gauge is not an instrument of the SDK, which repeats the last value of an attribute forever: a source reports what there is when
 * metrics are collected, so that the series of a run end with the run.
 */
import type { Attributes, Counter, Histogram, Meter } from '@opentelemetry/api';
import { attributes as declaredAttributes, type AttributeKey } from './declared/attributes.js';
import {
  metricGroups,
  metrics,
  type CounterKey,
  type HistogramKey,
  type MetricAttributes,
  type MetricDeclaration,
  type ReadingKey,
} from './declared/metrics.js';

/** Reports the present value of a metric. Values of the same attributes add up; one that is not finite is left out. */
export type Observe = <K extends ReadingKey>(metric: K, value: number, attributes?: MetricAttributes<K>) => void;

/** Reports the present values of metrics. */
export type ReadingSource = (observe: Observe) => void | Promise<void>;

/** The state of this module. */
interface Measuring {
  /** Undefined while metrics are off. */
  meter: Meter | undefined;
  readonly counters: Map<string, Counter>;
  readonly histograms: Map<string, Histogram>;
  readonly sources: Set<ReadingSource>;
}

// On the global object: the preload and the service may see two instances of this module when a loader hook renames URLs.
const measuringKey = Symbol.for('gapo.telemetry.measuring');
const holder = globalThis as { [measuringKey]?: Measuring };

function measuring(): Measuring {
  return (holder[measuringKey] ??= {
    meter: undefined,
    counters: new Map(),
    histograms: new Map(),
    sources: new Set(),
  });
}

/** Turns measurements on, or off again. */
export function measureWith(meter: Meter | undefined): void {
  const state = measuring();
  state.meter = meter;
  state.counters.clear();
  state.histograms.clear();
}

/** Whether measurements are recorded. */
export function isMeasuring(): boolean {
  return measuring().meter !== undefined;
}

/** Adds to a counter. */
export function count<K extends CounterKey>(metric: K, value: number, attributes?: MetricAttributes<K>): void {
  const { meter, counters } = measuring();
  if (meter === undefined || !(value > 0) || !Number.isFinite(value)) return;
  const { name, unit, description } = metricGroups.lasting[metric];
  const counter = counters.get(name) ?? meter.createCounter(name, { unit, description });
  counters.set(name, counter);
  counter.add(value, named(attributes));
}

/** Records a value of a histogram. */
export function record<K extends HistogramKey>(metric: K, value: number, attributes?: MetricAttributes<K>): void {
  const { meter, histograms } = measuring();
  if (meter === undefined || !Number.isFinite(value)) return;
  const { name, unit, description, buckets } = metricGroups.lasting[metric];
  const advice = { explicitBucketBoundaries: [...buckets] };
  const histogram = histograms.get(name) ?? meter.createHistogram(name, { unit, description, advice });
  histograms.set(name, histogram);
  histogram.record(value, named(attributes));
}

/**
 * Adds a source of readings, which is asked whenever metrics are collected.
 *
 * @returns removes it
 */
export function observeWith(source: ReadingSource): () => void {
  const { sources } = measuring();
  sources.add(source);
  return () => void sources.delete(source);
}

/** A reading of a metric. */
export interface Reading {
  readonly attributes: Attributes;
  readonly value: number;
}

/** The readings of a metric. */
export interface MetricReadings {
  readonly metric: MetricDeclaration;
  readonly readings: readonly Reading[];
}

/** Asks every source. A source that fails does not stop the others. */
export async function currentReadings(): Promise<{ readonly found: MetricReadings[]; readonly errors: unknown[] }> {
  const found = new Map<ReadingKey, Map<string, Reading>>();
  const observe: Observe = (metric, value, attributes) => {
    if (!Number.isFinite(value)) return;
    const series = found.get(metric) ?? new Map<string, Reading>();
    found.set(metric, series);
    const names = named(attributes);
    const key = JSON.stringify(names);
    series.set(key, { attributes: names, value: value + (series.get(key)?.value ?? 0) });
  };
  const errors: unknown[] = [];
  for (const source of [...measuring().sources]) {
    try {
      await source(observe);
    } catch (error) {
      errors.push(error);
    }
  }
  const readings = [...found].map(([key, series]) => ({ metric: metrics[key], readings: [...series.values()] }));
  return { found: readings, errors };
}

/** Returns attributes by their names instead of their keys; undefined ones are left out. */
export function named(attributes: Readonly<Partial<Record<AttributeKey, unknown>>> | undefined): Attributes {
  const names: Attributes = {};
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (typeof value === 'string' || typeof value === 'number') {
      names[declaredAttributes[key as AttributeKey].name] = value;
    }
  }
  return names;
}
