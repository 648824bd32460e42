import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { spanNames, withSpan } from '@gapo/tracing';
import { recordedSpans } from '@gapo/tracing/testing';
import { SpanKind, trace } from '@opentelemetry/api';
import {
  collector,
  noServer,
  publishStates,
  temporaryDirectory,
  testBus,
  testServer,
  patienceMs,
} from './events.fixture.js';

const named = recordedSpans();

describe('traces through events', () => {
  for (const transport of ['nats', 'in-process'] as const) {
    test(
      `step, publish, process is one trace over ${transport}`,
      { skip: transport === 'nats' && noServer },
      async (t) => {
        const url = transport === 'nats' ? (await testServer(t, temporaryDirectory(t))).url : undefined;
        const { bus } = await testBus(t, url === undefined ? { inProcess: true } : { url });
        const { handler, first } = collector();
        let inside = '';
        const subscription = await bus.subscribe({}, (event) => {
          inside = trace.getActiveSpan()?.spanContext().spanId ?? '';
          handler(event);
        });
        await withSpan(spanNames.step, {}, () => publishStates(bus, 'a', 1));
        const [event] = await first(1);
        await bus.flush(patienceMs);
        await subscription.stop();

        const [step, published, processed] = [spanNames.step, spanNames.eventPublish, spanNames.eventProcess].map(
          named,
        );
        assert.ok(step && published && processed);
        assert.equal(published.parentSpanContext?.spanId, step.spanContext().spanId);
        assert.equal(processed.parentSpanContext?.spanId, published.spanContext().spanId);
        assert.equal(processed.spanContext().traceId, step.spanContext().traceId);
        assert.equal(inside, processed.spanContext().spanId);
        assert.deepEqual([published.kind, processed.kind], [SpanKind.PRODUCER, SpanKind.CONSUMER]);
        const { traceId, spanId } = published.spanContext();
        assert.equal(event?.traceparent, `00-${traceId}-${spanId}-01`);
        assert.deepEqual(processed.attributes, {
          'rl.run.id': 'a',
          'messaging.system': transport,
          'messaging.destination.name': 'gapo.v1.run.a.state',
          'messaging.message.id': 'a/state/0',
          'messaging.operation.name': 'process',
        });
      },
    );
  }
});
