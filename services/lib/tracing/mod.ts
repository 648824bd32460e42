/** OpenTelemetry traces: the names of spans and attributes, spans around work, trace context in messages, the SDK. */
export { attributeNames, spanNames, type SpanName } from './names.js';
export { addSpanEvent, withSpan, activeContext, currentTraceId, currentLink, type SpanOptions } from './span.js';
export { injectTraceparent, extractTraceparent, type TraceHeaders } from './traceparent.js';
export { onTelemetryProblem, preloadModule, shutdownTelemetry } from './sdk.js';
export { otlpEndpoint, otlpProblem, telemetryWanted } from './otlpSettings.js';
export type { TelemetryProblem } from './exportProblems.js';
export { ROOT_CONTEXT, SpanKind, type Attributes, type Context, type Link, type Span } from '@opentelemetry/api';
