/** OpenTelemetry: the names of everything, spans around work, measurements, log records, trace context in messages, the SDK. */
export { attributeNames, attributes as declaredAttributes } from './declared/attributes.js';
export { telemetryEventNames } from './declared/events.js';
export { spanNames, type SpanName } from './declared/spans.js';
export {
  addSpanEvent,
  withSpan,
  activeContext,
  contextOfRun,
  currentRunId,
  currentTraceId,
  currentLink,
  type SpanOptions,
} from './span.js';
export { injectTraceparent, extractTraceparent, type TraceHeaders } from './traceparent.js';
export { onTelemetryProblem, preloadModule, scrapeMetrics, shutdownTelemetry, startSdk } from './sdk.js';
export { otlpEndpoint, otlpProblem, telemetryWanted } from './signals.js';
export { count, observeWith, record, type Observe, type ReadingSource } from './instruments.js';
export {
  metrics as declaredMetrics,
  prometheusName,
  type MetricAttributes,
  type ReadingKey,
} from './declared/metrics.js';
export { exportLogLine, recordEvent, recordsEvents } from './logRecords.js';
export type { TelemetryProblem } from './exportProblems.js';
export { ROOT_CONTEXT, SpanKind, type Attributes, type Context, type Link, type Span } from '@opentelemetry/api';
