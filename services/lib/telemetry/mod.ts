/** Traces, logs and the life of a process: what every service of the platform starts with. */
export { attributeNames, spanNames, type AttributeName, type SpanName } from './names.js';
export { withSpan, activeContext, currentTraceId, currentLink, type SpanOptions } from './span.js';
export { injectTraceparent, extractTraceparent, runWithTraceparent, type TraceHeaders } from './traceparent.js';
export { logger, type Logger } from './logger.js';
export { shutdownTelemetry, telemetryEnabled } from './sdk.js';
export { runService, reportAndExit, type RunningService, type ServiceOptions, type StartContext } from './service.js';
export { UserError, isExpected } from './userError.js';
export { ROOT_CONTEXT, SpanKind, type Attributes, type Context, type Link, type Span } from '@opentelemetry/api';
