/** Events in the CloudEvents 1.0 JSON format (https://github.com/cloudevents/spec), and the subjects they travel on. */
import { injectTraceparent, type TraceHeaders } from '@gapo/tracing';
import type { EventData } from './eventData.js';
import { EventError, messageOf } from './eventError.js';

/** Every kind of event. */
export const eventKinds = [
  'state',
  'step',
  'rollout',
  'reward',
  'gradient',
  'checkpoint',
  'preference',
  'objective',
] as const;

/** A kind of event: the last word of its subject. */
export type EventKind = (typeof eventKinds)[number];

/** An event of one kind. */
export interface EventOf<K extends EventKind> extends TraceHeaders {
  specversion: '1.0';
  /** `<runId>/<kind>/<the publisher's id>`; a second event with the same id is dropped. */
  id: string;
  /** Who published it, as `gapo/coordinator`. */
  source: string;
  /** `gapo.v1.` and the kind. */
  type: `gapo.v1.${K}`;
  /** The run's id. */
  subject: string;
  /** When it was published, RFC 3339. */
  time: string;
  datacontenttype: 'application/json';
  data: EventData[K];
}

/** An event of any kind; its `type` tells which. */
export type CloudEvent = { [K in EventKind]: EventOf<K> }[EventKind];

/** Whether a run's id can be part of a subject: letters, digits, `-` and `_`. */
export function isRunId(runId: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(runId);
}

/** The subject of a run's events of a kind; `*` stands for any where one is left out. */
export function subjectOf(runId: string | undefined, kind: EventKind | undefined): string {
  if (runId !== undefined && !isRunId(runId)) {
    throw new TypeError(`runId: found ${JSON.stringify(runId)}, expected letters, digits, "-" and "_"`);
  }
  return `gapo.v1.run.${runId ?? '*'}.${kind ?? '*'}`;
}

/**
 * An event of now, with the active span as its parent.
 *
 * @param id unique within the run and kind; the event's own id is `<runId>/<kind>/<id>`, unique within the source as
 *   CloudEvents asks
 */
export function createEvent<K extends EventKind>(
  source: string,
  runId: string,
  kind: K,
  data: EventData[K],
  id: string,
): EventOf<K> {
  return {
    specversion: '1.0',
    id: `${runId}/${kind}/${id}`,
    source,
    type: `gapo.v1.${kind}`,
    subject: runId,
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    ...injectTraceparent(),
    data,
  };
}

/**
 * The event's JSON in UTF-8.
 *
 * @throws EventError `refused` where the data holds a number that is not finite (JSON would turn it into null) or
 *   something else that JSON cannot hold
 */
export function encodeEvent(event: CloudEvent): Uint8Array {
  const where = badMember(event.data, 'data');
  if (where !== undefined) throw new EventError('refused', `event ${event.type} ${event.id}: ${where}`);
  return new TextEncoder().encode(JSON.stringify(event));
}

function badMember(value: unknown, path: string): string | undefined {
  if (value === null || value === undefined || typeof value === 'string' || typeof value === 'boolean')
    return undefined;
  if (typeof value === 'number')
    return Number.isFinite(value) ? undefined : `${path} is ${value}, expected a finite number`;
  if (typeof value !== 'object') return `${path} is a ${typeof value}, expected plain JSON`;
  for (const [key, member] of Object.entries(value)) {
    const bad = badMember(member, Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`);
    if (bad !== undefined) return bad;
  }
  return undefined;
}

/**
 * Reads an event.
 *
 * @throws EventError `malformed` where the bytes are no CloudEvent of a known kind
 */
export function decodeEvent(bytes: Uint8Array): CloudEvent {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new EventError('malformed', `a message is not JSON: ${messageOf(error)}`, error);
  }
  if (!isCloudEvent(parsed)) {
    throw new EventError(
      'malformed',
      'a message is no CloudEvent 1.0 of a known kind with id, source, subject and data',
    );
  }
  return parsed;
}

function isCloudEvent(value: unknown): value is CloudEvent {
  if (typeof value !== 'object' || value === null) return false;
  const event = value as Record<string, unknown>;
  return (
    event['specversion'] === '1.0' &&
    eventKinds.some((kind) => event['type'] === `gapo.v1.${kind}`) &&
    ['id', 'source', 'subject', 'time'].every((name) => typeof event[name] === 'string') &&
    typeof event['data'] === 'object' &&
    event['data'] !== null
  );
}

/** The event's kind. */
export function kindOf(event: CloudEvent): EventKind {
  return event.type.slice('gapo.v1.'.length) as EventKind;
}
