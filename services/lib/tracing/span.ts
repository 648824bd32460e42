/** Spans of the platform's own work. With tracing off, every function here costs a few calls and records nothing. */
import {
  context,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Link,
  type Span,
} from '@opentelemetry/api';
import { attributeNames } from './declared/attributes.js';
import type { SpanName } from './declared/spans.js';

/** Options of {@link withSpan}. */
export interface SpanOptions {
  /** Spans that caused this one without being its parent, such as the messages of a batch. @default [] */
  links?: Link[];
  /** @default SpanKind.INTERNAL */
  kind?: SpanKind;
  /** The context whose span is the parent; `ROOT_CONTEXT` begins a new trace. @default the active context */
  parent?: Context;
}

/**
 * Runs `fn` synchronously inside an active span, and ends the span when `fn` settles, unless `fn` has ended it. An error is recorded
 * on a span that has not ended, with status ERROR, and rethrown unchanged.
 *
 * @param name one of `spanNames`
 * @param attributes keys from `attributeNames`; undefined values are left out
 * @returns what `fn` returns
 */
export async function withSpan<T>(
  name: SpanName,
  attributes: Attributes,
  fn: (span: Span) => T | Promise<T>,
  options: SpanOptions = {},
): Promise<T> {
  const parent = options.parent ?? context.active();
  const span = trace
    .getTracer('gapo')
    .startSpan(name, { attributes, links: options.links ?? [], kind: options.kind ?? SpanKind.INTERNAL }, parent);
  try {
    return await context.with(trace.setSpan(parent, span), () => fn(span));
  } catch (error) {
    const known = error instanceof Error ? error : new Error(String(error));
    if (span.isRecording()) {
      span.recordException(known);
      span.setStatus({ code: SpanStatusCode.ERROR, message: known.message });
    }
    throw error;
  } finally {
    if (span.isRecording()) span.end();
  }
}

/** Adds an event to the active span; without one, does nothing. */
export function addSpanEvent(name: string, attributes: Attributes): void {
  trace.getActiveSpan()?.addEvent(name, attributes);
}

/** Returns the active context, as the parent of a later span. */
export function activeContext(): Context {
  return context.active();
}

/** Returns the active trace's id, 32 hexadecimal digits; undefined if no span is active. */
export function currentTraceId(): string | undefined {
  const span = trace.getActiveSpan()?.spanContext();
  return span !== undefined && isSpanContextValid(span) ? span.traceId : undefined;
}

/** Returns the context that a trace of a run begins with: log lines of every process that works for it name the run. */
export function contextOfRun(runId: string): Context {
  return propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage({ [attributeNames.runId]: { value: runId } }));
}

/** Returns the run that the active context belongs to; undefined if it belongs to none, or if tracing is off. */
export function currentRunId(): string | undefined {
  return propagation.getActiveBaggage()?.getEntry(attributeNames.runId)?.value;
}

/** Returns a link to the active span, for a span of another trace; undefined if no span is active. */
export function currentLink(attributes: Attributes = {}): Link | undefined {
  const span = trace.getActiveSpan()?.spanContext();
  return span !== undefined && isSpanContextValid(span) ? { context: span, attributes } : undefined;
}
