/** Spans in memory: what a test file's code traced, by name. */
import { after, before, beforeEach } from 'node:test';
import type { tracing } from '@opentelemetry/sdk-node';

/** Records the spans of the tests of a file, each test from nothing; resolves a name to its span, or throws. */
export function recordedSpans(): (name: string) => tracing.ReadableSpan {
  let stop = (): Promise<void> => Promise.resolve();
  let exporter: tracing.InMemorySpanExporter | undefined;
  before(async () => {
    // Loaded for these tests alone: it takes a while.
    const opentelemetry = await import('@opentelemetry/sdk-node');
    exporter = new opentelemetry.tracing.InMemorySpanExporter();
    const sdk = new opentelemetry.NodeSDK({
      // Detected attributes come later, and would hold the first spans back.
      autoDetectResources: false,
      spanProcessors: [new opentelemetry.tracing.SimpleSpanProcessor(exporter)],
      metricReaders: [],
      logRecordProcessors: [],
    });
    sdk.start();
    stop = () => sdk.shutdown();
  });
  beforeEach(() => exporter?.reset());
  after(() => stop());
  return (name) => {
    const spans = exporter?.getFinishedSpans() ?? [];
    const span = spans.find((one) => one.name === name);
    if (span === undefined) throw new Error(`no span ${name} among ${spans.map((one) => one.name).join(', ')}`);
    return span;
  };
}
