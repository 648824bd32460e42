/** Records the spans of a test file in memory. */
import { after, before, beforeEach } from 'node:test';
import type { tracing } from '@opentelemetry/sdk-node';

/** Spans by name. */
export interface RecordedSpans {
  /** Returns the first span that ended under a name. @throws Error if there is none */
  (name: string): tracing.ReadableSpan;
  /** Returns all spans of a name, in the order in which they ended. */
  all(name: string): readonly tracing.ReadableSpan[];
}

/** Records the spans of the tests of a file. Each test starts without spans. */
export function recordedSpans(): RecordedSpans {
  let stop = (): Promise<void> => Promise.resolve();
  let exporter: tracing.InMemorySpanExporter | undefined;
  before(async () => {
    // Loaded only for these tests: it takes a while.
    const opentelemetry = await import('@opentelemetry/sdk-node');
    exporter = new opentelemetry.tracing.InMemorySpanExporter();
    const sdk = new opentelemetry.NodeSDK({
      // Detected attributes arrive later, and would delay the first spans.
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
  const spans = (): readonly tracing.ReadableSpan[] => exporter?.getFinishedSpans() ?? [];
  const all = (name: string): readonly tracing.ReadableSpan[] => spans().filter((span) => span.name === name);
  const first = (name: string): tracing.ReadableSpan => {
    const [span] = all(name);
    if (span !== undefined) return span;
    throw new Error(
      `no span ${name} among ${spans()
        .map((one) => one.name)
        .join(', ')}`,
    );
  };
  return Object.assign(first, { all });
}
