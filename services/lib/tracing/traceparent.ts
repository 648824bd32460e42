/**
 * The W3C Trace Context headers (https://www.w3.org/TR/trace-context/), for carriers without instrumentation: events, files,
 * environment variables. OTEL_PROPAGATORS, which configures gRPC, does not change the format.
 */
import {
  createTraceState,
  context,
  isSpanContextValid,
  ROOT_CONTEXT,
  trace,
  TraceFlags,
  type Context,
} from '@opentelemetry/api';

/** The two headers. Both are absent if no span is active. */
export interface TraceHeaders {
  /** `00-<32 hex trace id>-<16 hex span id>-<2 hex flags>`. */
  traceparent?: string;
  /** Vendors' additions, passed on unchanged. */
  tracestate?: string;
}

/** version, trace id, span id, flags; a later version may append fields. */
const traceparentPattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Returns headers that make the active span (or that of `from`) the parent of the receiver's spans. */
export function injectTraceparent(from: Context = context.active()): TraceHeaders {
  const span = trace.getSpanContext(from);
  if (span === undefined || !isSpanContextValid(span)) return {};
  const flags = (span.traceFlags & 0xff).toString(16).padStart(2, '0');
  const headers: TraceHeaders = { traceparent: `00-${span.traceId}-${span.spanId}-${flags}` };
  const state = span.traceState?.serialize();
  if (state) headers.tracestate = state;
  return headers;
}

/**
 * Returns the context that the headers describe. Absent or malformed headers give the root context, as the standard
 * requires: they start a new trace and are never an error.
 */
export function extractTraceparent(headers: TraceHeaders): Context {
  const match = traceparentPattern.exec(headers.traceparent?.trim() ?? '');
  if (match === null) return ROOT_CONTEXT;
  const [, version = 'ff', traceId = '', spanId = '', flags = '00', rest] = match;
  if (version === 'ff' || (version === '00' && rest !== undefined)) return ROOT_CONTEXT;
  const span = {
    traceId,
    spanId,
    traceFlags: parseInt(flags, 16) & TraceFlags.SAMPLED,
    isRemote: true,
    ...(headers.tracestate ? { traceState: createTraceState(headers.tracestate) } : {}),
  };
  return isSpanContextValid(span) ? trace.setSpanContext(ROOT_CONTEXT, span) : ROOT_CONTEXT;
}
