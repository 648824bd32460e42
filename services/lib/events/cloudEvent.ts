/** Events in the CloudEvents 1.0 JSON format (https://github.com/cloudevents/spec), and their subjects on NATS. */
import { fieldNames, messageOf, toJson, type RunEventInput, type RunEventJson } from '@gapo/rpc';
import { injectTraceparent, type TraceHeaders } from '@gapo/tracing';
import { EventError } from './eventError.js';

/** A kind of event, the last word of its subject: a field of gapo.events.v1.RunEvent. */
export type EventKind = keyof RunEventJson;

/** The data of an event as a publisher writes it: the message type of the kind's field. */
export type EventInput<K extends EventKind> = NonNullable<RunEventInput[K]>;

/** Every kind of event. */
const eventKinds = fieldNames('gapo.events.v1.RunEvent');

/** An event of one kind. */
export interface EventOf<K extends EventKind> extends TraceHeaders {
  specversion: '1.0';
  /** `<runId>/<kind>/<the publisher's id>`; unique within the source. */
  id: string;
  /** The publisher, such as `gapo/coordinator`. */
  source: string;
  /** `gapo.v1.` and the kind. */
  type: `gapo.v1.${K}`;
  /** The run's id. */
  subject: string;
  /** When it happened, RFC 3339. */
  time: string;
  /** Numbers the events of a run from 000000000001 (the CloudEvents extension `sequence`). Absent in events of gapo 0.1. */
  sequence?: string;
  datacontenttype: 'application/json';
  /** The JSON of the message in the kind's field. */
  data: NonNullable<RunEventJson[K]>;
}

/** An event of any kind, discriminated by `type`. */
export type CloudEvent = { [K in EventKind]: EventOf<K> }[EventKind];

/** Whether a run's id can be part of a subject: letters, digits, `-` and `_` only. */
export function isRunId(runId: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(runId);
}

/**
 * Returns the subject of a run's events of a kind, with `*` for any run or kind where one is omitted.
 *
 * @throws TypeError if the run's id cannot be part of a subject
 */
export function subjectOf(runId: string | undefined, kind: EventKind | undefined): string {
  if (runId !== undefined && !isRunId(runId)) {
    throw new TypeError(`runId: found ${JSON.stringify(runId)}, expected letters, digits, "-" and "_"`);
  }
  return `gapo.v1.run.${runId ?? '*'}.${kind ?? '*'}`;
}

/** Where an event belongs. */
export interface EventPlace {
  /** The publisher, such as `gapo/coordinator`. */
  readonly source: string;
  readonly runId: string;
  /** Unique within the run and kind; the event's own id is `<runId>/<kind>/<id>`, unique within the source as CloudEvents asks. */
  readonly id: string;
  /** The number of the event within the run, from 1. */
  readonly sequence: number;
}

/** Returns the number of an event within its run; 0 for one without. */
export function sequenceOf({ sequence }: CloudEvent): number {
  return sequence === undefined ? 0 : Number(sequence);
}

/**
 * Whether an event of a run comes after another one, rather than being the same or an earlier one. A run that was created again counts from 1,
 * with later times.
 */
export function follows(event: CloudEvent, other: CloudEvent): boolean {
  return sequenceOf(event) > sequenceOf(other) || event.time > other.time;
}

/** Formats an event's number so that text order matches numeric order. */
export function sequenceText(sequence: number): string {
  return String(sequence).padStart(12, '0');
}

/**
 * Creates an event with the current time and the active span as its parent.
 *
 * @throws TypeError if the data do not fit the message of that kind
 */
export function createEvent<K extends EventKind>(
  { source, runId, id, sequence }: EventPlace,
  kind: K,
  data: EventInput<K>,
): EventOf<K> {
  const message = toJson('gapo.events.v1.RunEvent', { [kind]: data });
  return {
    specversion: '1.0',
    id: `${runId}/${kind}/${id}`,
    source,
    type: `gapo.v1.${kind}`,
    subject: runId,
    time: new Date().toISOString(),
    sequence: sequenceText(sequence),
    datacontenttype: 'application/json',
    ...injectTraceparent(),
    data: message[kind] as EventOf<K>['data'], // set above
  };
}

/** Returns the event's JSON in UTF-8. */
export function encodeEvent(event: CloudEvent): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(event));
}

/**
 * Parses an event.
 *
 * @throws EventError `malformed` if the bytes are not a CloudEvent of a known kind
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
      'a message is not a CloudEvent 1.0 of a known kind with id, source, subject and data',
    );
  }
  return parsed;
}

/**
 * Returns the event in the bytes; undefined if they are not an event.
 *
 * @throws Error for a bug in decoding
 */
export function eventIn(bytes: Uint8Array): CloudEvent | undefined {
  try {
    return decodeEvent(bytes);
  } catch (error) {
    if (error instanceof EventError) return undefined;
    throw error;
  }
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

/** Returns the event's kind. */
export function kindOf(event: CloudEvent): EventKind {
  return event.type.slice('gapo.v1.'.length) as EventKind;
}
