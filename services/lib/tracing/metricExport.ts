/** How metrics leave the process: readers that push them over OTLP, and one that a scraper asks. Loaded only if metrics are wanted. */
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { metrics, resources } from '@opentelemetry/sdk-node';
import { watched, type ExportProblems } from './exportProblems.js';
import { currentReadings, type MetricReadings } from './instruments.js';
import { exportersOf, otlpProtocol } from './signals.js';

/** Milliseconds between two exports by default, and the longest that one may take. */
const defaults = { exportIntervalMillis: 15_000, exportTimeoutMillis: 10_000 };

/** Returns the readers that push metrics, as the OTEL_* variables say. */
export async function pushingReaders(
  env: NodeJS.ProcessEnv,
  problems: ExportProblems,
): Promise<metrics.IMetricReader[]> {
  const interval = Number(env['OTEL_METRIC_EXPORT_INTERVAL']?.trim());
  const exportIntervalMillis = interval > 0 ? interval : defaults.exportIntervalMillis;
  const exportTimeoutMillis = Math.min(defaults.exportTimeoutMillis, exportIntervalMillis);
  const made = exportersOf(env, 'metrics').map(async (name) => {
    const exporter =
      name === 'console' ? new metrics.ConsoleMetricExporter() : watched(await otlpExporter(env), problems);
    return new metrics.PeriodicExportingMetricReader({
      exporter,
      exportIntervalMillis,
      exportTimeoutMillis,
      metricProducers: [presentMetrics],
    });
  });
  return Promise.all(made);
}

async function otlpExporter(env: NodeJS.ProcessEnv): Promise<metrics.PushMetricExporter> {
  switch (otlpProtocol(env, 'metrics')) {
    case 'grpc':
      return new (await import('@opentelemetry/exporter-metrics-otlp-grpc')).OTLPMetricExporter();
    case 'http/json':
      return new (await import('@opentelemetry/exporter-metrics-otlp-http')).OTLPMetricExporter();
    case 'http/protobuf':
      return new (await import('@opentelemetry/exporter-metrics-otlp-proto')).OTLPMetricExporter();
  }
}

/** A reader that a scraper asks. */
export interface ScrapedReader {
  readonly reader: metrics.IMetricReader;
  /** Returns the present metrics in Prometheus' text format. */
  readonly scrape: () => Promise<string>;
}

/** Creates a reader for Prometheus. It serves nothing by itself. */
export function scrapedReader(): ScrapedReader {
  const reader = new PrometheusExporter({ preventServerStart: true, metricProducers: [presentMetrics] });
  // The resource has the process's arguments, and every metric is of one scope.
  const serializer = new PrometheusSerializer('', false, undefined, true, true);
  return {
    reader,
    scrape: async () => {
      const { resourceMetrics } = await reader.collect();
      return serializer.serialize(resourceMetrics);
    },
  };
}

const startedAt = Date.now();

/** What sources report when metrics are collected. */
const presentMetrics: metrics.MetricProducer = {
  async collect() {
    const { found, errors } = await currentReadings();
    const endTime = timeOf(Date.now());
    const data = found.map((of) => metricData(of, endTime));
    return {
      resourceMetrics: {
        resource: resources.resourceFromAttributes({}),
        scopeMetrics: data.length === 0 ? [] : [{ scope: { name: 'gapo' }, metrics: data }],
      },
      errors,
    };
  },
};

function metricData({ metric, readings }: MetricReadings, endTime: [number, number]): metrics.MetricData {
  const { name, unit, description } = metric;
  const startTime = timeOf(startedAt);
  const common = {
    descriptor: { name, unit, description, valueType: 1 },
    aggregationTemporality: metrics.AggregationTemporality.CUMULATIVE,
    dataPoints: readings.map(({ attributes, value }) => ({ attributes, value, startTime, endTime })),
  };
  return metric.instrument === 'counter'
    ? { ...common, dataPointType: metrics.DataPointType.SUM, isMonotonic: true }
    : { ...common, dataPointType: metrics.DataPointType.GAUGE };
}

/** Returns a time in milliseconds as seconds and nanoseconds. */
function timeOf(ms: number): [number, number] {
  return [Math.floor(ms / 1000), Math.round((ms % 1000) * 1e6)];
}
