/** Accepts the events of one run: each is in the run's log before anyone else sees it. */
import { messageOf } from '@gapo/rpc';
import { attributeNames, spanNames } from '@gapo/tracing';
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { EventBus, Outbox } from './bus.js';
import { createEvent, type CloudEvent, type EventInput, type EventKind } from './cloudEvent.js';
import { eventAttributes } from './delivery.js';
import { EventError } from './eventError.js';
import type { EventLog } from './log/eventLog.js';
import { LogReader, type LoggedEvent } from './log/logReader.js';

/** Collaborators of an outbox. */
export interface OutboxContext {
  readonly runId: string;
  readonly source: string;
  readonly transport: EventBus['transport'];
  readonly log: EventLog;
  /** Called with each event once it is in the log. */
  readonly onEvent: (event: CloudEvent) => void;
  readonly onRefused: (error: EventError) => void;
  /** Called for lines of the log that are not events. */
  readonly onMalformed: (error: EventError) => void;
  /** Ends the delivery; the log is closed next. */
  readonly onClose: () => Promise<void>;
}

/** Appends events to a log and passes them on. */
export class LoggedOutbox implements Outbox {
  readonly #context: OutboxContext;
  #closed: Promise<void> | undefined;

  constructor(options: OutboxContext) {
    this.#context = options;
  }

  publish<K extends EventKind>(kind: K, data: EventInput<K>, { id }: { id: string }): void {
    const { runId, source, transport, log, onEvent, onRefused } = this.#context;
    const parent = context.active();
    const span = trace.getTracer('gapo').startSpan(spanNames.eventPublish, { kind: SpanKind.PRODUCER }, parent);
    try {
      if (this.#closed !== undefined)
        throw new EventError('refused', `event ${runId}/${kind}/${id}: the outbox is closed`);
      const event = context.with(
        trace.setSpan(parent, span),
        () => createEvent({ source, runId, id, sequence: log.last + 1 }, kind, data) as CloudEvent,
      );
      span.setAttributes({ ...eventAttributes(event, transport), [attributeNames.messagingOperation]: 'publish' });
      if (log.append(event, id)) onEvent(event);
    } catch (error) {
      const refused = error instanceof EventError ? error : new EventError('refused', messageOf(error), error);
      span.recordException(refused);
      span.setStatus({ code: SpanStatusCode.ERROR, message: refused.message });
      onRefused(refused);
    } finally {
      span.end();
    }
  }

  newest<K extends EventKind>(kind: K): Extract<CloudEvent, { type: `gapo.v1.${K}` }> | undefined {
    return this.#context.log.newest(kind);
  }

  find(kind: EventKind, id: string): CloudEvent | undefined {
    return this.#context.log.find(kind, id);
  }

  get last(): number {
    return this.#context.log.last;
  }

  async *read(after: number): AsyncGenerator<readonly LoggedEvent[], void, undefined> {
    const { log, onMalformed } = this.#context;
    const until = await log.flush();
    const reader = new LogReader(log, after, onMalformed);
    for (let events = await reader.next(until); events.length > 0; events = await reader.next(until)) yield events;
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.#context.onClose();
    await this.#context.log.close();
  }
}
