/**
 * The W3C Trace Context headers (https://www.w3.org/TR/trace-context/), for carriers that no instrumentation knows:
 * events, files, environment variables. Always this format, whatever OTEL_PROPAGATORS asks of gRPC.
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

/** The two headers. Both are absent where no span is active. */
export interface TraceHeaders {
  /** `00-<32 hex trace id>-<16 hex span id>-<2 hex flags>`. */
  traceparent?: string;
  /** Vendors' additions, passed on as they came. */
  tracestate?: string;
}

/** version, trace id, span id, flags; a later version may append fields. */
const traceparentPattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Headers that name the active span (or the one of `from`) as the parent of what receives them. */
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
 * The context that the headers describe. Absent or malformed headers give the root context, as the standard asks: a
 * broken header starts a new trace and is never an error.
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
