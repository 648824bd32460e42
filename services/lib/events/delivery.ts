/** Delivers one event to one handler, within the publisher's trace. */
import { messageOf } from '@gapo/rpc';
import { attributeNames, extractTraceparent, SpanKind, spanNames, withSpan } from '@gapo/tracing';
import type { EventBus, EventHandler } from './bus.js';
import { kindOf, subjectOf, type CloudEvent } from './cloudEvent.js';
import { EventError } from './eventError.js';

/**
 * Runs the handler in a CONSUMER span, a child of the span that published the event. Never rejects: errors from the handler are recorded
 * on the span and passed to `onError`.
 */
export async function deliver(
  event: CloudEvent,
  handler: EventHandler,
  transport: EventBus['transport'],
  onError: (error: EventError) => void,
): Promise<void> {
  const attributes = {
    ...eventAttributes(event, transport),
    [attributeNames.messagingOperation]: 'process',
  };
  const parent = extractTraceparent(event);
  try {
    await withSpan(spanNames.eventProcess, attributes, () => handler(event), { kind: SpanKind.CONSUMER, parent });
  } catch (error) {
    onError(new EventError('handler', `a handler failed on ${event.type} ${event.id}: ${messageOf(error)}`, error));
  }
}

/** Returns the attributes of an event's spans. */
export function eventAttributes(event: CloudEvent, transport: EventBus['transport']): Record<string, string> {
  return {
    [attributeNames.runId]: event.subject,
    [attributeNames.messagingSystem]: transport,
    [attributeNames.messagingDestination]: subjectOf(event.subject, kindOf(event)),
    [attributeNames.messagingMessageId]: event.id,
  };
}
