import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { context, ROOT_CONTEXT, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { spanNames } from './declared/spans.js';
import { recordedSpans } from './recordedSpans.fixture.js';
import { currentLink, currentTraceId, withSpan } from './span.js';
import { extractTraceparent, injectTraceparent } from './traceparent.js';

const finished = recordedSpans();

describe('withSpan', () => {
  test('returns what the function returns and nests', async () => {
    const result = await withSpan(spanNames.step, { 'rl.loop.iteration': 3 }, () =>
      withSpan(spanNames.stepRewards, {}, () => 42, { kind: SpanKind.CLIENT }),
    );
    assert.equal(result, 42);
    const inner = finished(spanNames.stepRewards);
    const outer = finished(spanNames.step);
    assert.equal(inner.parentSpanContext?.spanId, outer.spanContext().spanId);
    assert.equal(inner.kind, SpanKind.CLIENT);
    assert.deepEqual(outer.attributes, { 'rl.loop.iteration': 3 });
  });

  test('records an error, ends the span and rethrows the error unchanged', async () => {
    const error = new Error('no');
    await assert.rejects(
      withSpan(spanNames.step, {}, () => Promise.reject(error)),
      (thrown) => thrown === error,
    );
    const span = finished(spanNames.step);
    assert.deepEqual(span.status, { code: SpanStatusCode.ERROR, message: 'no' });
    assert.equal(span.events[0]?.name, 'exception');
  });

  test('the root context starts a new trace, which a link connects to the old one', async () => {
    await withSpan(spanNames.step, {}, async () => {
      const link = currentLink();
      assert.ok(link);
      await withSpan(spanNames.evaluation, {}, () => undefined, { parent: ROOT_CONTEXT, links: [link] });
    });
    const inner = finished(spanNames.evaluation);
    const outer = finished(spanNames.step);
    assert.equal(inner.parentSpanContext, undefined);
    assert.notEqual(inner.spanContext().traceId, outer.spanContext().traceId);
    assert.equal(inner.links[0]?.context.spanId, outer.spanContext().spanId);
  });

  test('the trace id is that of the active span, and absent outside', async () => {
    assert.equal(currentTraceId(), undefined);
    const inside = await withSpan(spanNames.step, {}, () => currentTraceId());
    assert.equal(inside, finished(spanNames.step).spanContext().traceId);
  });
});

describe('traceparent', () => {
  test('a span started with the headers of another is its child', async () => {
    const headers = await withSpan(spanNames.step, {}, () => injectTraceparent());
    await context.with(extractTraceparent(headers), () => withSpan(spanNames.eventProcess, {}, () => undefined));
    const parent = finished(spanNames.step).spanContext();
    assert.equal(headers.traceparent, `00-${parent.traceId}-${parent.spanId}-01`);
    assert.equal(finished(spanNames.eventProcess).parentSpanContext?.spanId, parent.spanId);
  });

  test('tracestate is passed on', () => {
    const headers = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, tracestate: 'vendor=1,other=2' };
    assert.deepEqual(injectTraceparent(extractTraceparent(headers)), headers);
  });

  test('nothing is injected without a span', () => {
    assert.deepEqual(injectTraceparent(), {});
  });

  for (const traceparent of [
    undefined,
    '',
    'nonsense',
    `ff-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`,
    `00-${'a'.repeat(32)}-${'0'.repeat(16)}-01`,
    `00-${'A'.repeat(32)}-${'b'.repeat(16)}-01`,
    `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01-more`,
  ]) {
    test(`a malformed header starts a new trace: ${traceparent}`, () => {
      assert.equal(extractTraceparent(traceparent === undefined ? {} : { traceparent }), ROOT_CONTEXT);
    });
  }

  test('the known fields of a header of a later version are read', () => {
    const later = extractTraceparent({ traceparent: `01-${'a'.repeat(32)}-${'b'.repeat(16)}-01-more` });
    assert.equal(injectTraceparent(later).traceparent, `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`);
  });
});
