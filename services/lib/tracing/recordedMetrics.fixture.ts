/** Records the metrics of a test file in memory. */
import { after, before } from 'node:test';
import type { Attributes } from '@opentelemetry/api';
import { measureWith } from './instruments.js';

/** A recorded series. */
export interface RecordedSeries {
  readonly name: string;
  readonly attributes: Attributes;
  /** The value of a counter or gauge; the number of values of a histogram. */
  readonly value: number;
}

/** Records the metrics of the tests of a file, from its start. Returns what has been recorded so far under a name. */
export function recordedMetrics(): (name: string) => Promise<RecordedSeries[]> {
  let stop = (): Promise<void> => Promise.resolve();
  let collect = (): Promise<RecordedSeries[]> => Promise.resolve([]);
  before(async () => {
    // Loaded only for these tests: it takes a while.
    const [{ metrics }, { scrapedReader }] = await Promise.all([
      import('@opentelemetry/sdk-node'),
      import('./metricExport.js'),
    ]);
    const { reader } = scrapedReader();
    const provider = new metrics.MeterProvider({ readers: [reader] });
    measureWith(provider.getMeter('gapo'));
    stop = () => provider.shutdown();
    collect = async () => {
      const { resourceMetrics } = await reader.collect();
      return resourceMetrics.scopeMetrics
        .flatMap((scope) => scope.metrics)
        .flatMap(({ descriptor: { name }, dataPoints }) =>
          dataPoints.map(({ attributes, value }) => ({
            name,
            attributes,
            value: typeof value === 'number' ? value : value.count,
          })),
        );
    };
  });
  after(async () => {
    measureWith(undefined);
    await stop();
  });
  return async (name) => (await collect()).filter((series) => series.name === name);
}
