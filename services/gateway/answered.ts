/** Requests about runs: their parameters, checked, and the span that each is handled in. */
import { isRunId } from '@gapo/events';
import { attributeNames, spanNames, withSpan } from '@gapo/tracing';
import { RequestError } from './requestGuard.js';

/** A request about one run. */
export interface RunRequest<Query extends string = never> {
  Params: { id: string };
  Querystring: Partial<Record<Query, string>>;
}

/**
 * Handles a request within a span.
 *
 * @throws RequestError for what is no run id
 */
export function answered<T>(runId: string | undefined, answer: () => Promise<T>): Promise<T> {
  if (runId !== undefined && !isRunId(runId)) {
    throw new RequestError(400, `${JSON.stringify(runId)} is no run id: expected letters, digits, "-" and "_"`);
  }
  return withSpan(spanNames.httpRequest, runId === undefined ? {} : { [attributeNames.runId]: runId }, answer);
}

/**
 * Reads the number of a step.
 *
 * @param name of the parameter, for the error
 * @throws RequestError for anything else
 */
export function stepNumber(name: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new RequestError(400, `${name}: found ${JSON.stringify(text)}, expected a step's number`);
}

/**
 * Reads a parameter that has one of some values.
 *
 * @throws RequestError for anything else
 */
export function oneOf<T extends string>(name: string, text: string, values: readonly T[]): T {
  const found = values.find((value) => value === text);
  if (found !== undefined) return found;
  throw new RequestError(400, `${name}: found ${JSON.stringify(text)}, expected one of ${values.join(', ')}`);
}

/** Where a reader resumes a stream of events: after an event, or after a step where that is unset; at the first event without either. */
export interface Resumption {
  /** Of the last event. */
  readonly id: string | undefined;
  /** That the reader had when it first connected. */
  readonly step: number | undefined;
}

/**
 * Reads where a stream is resumed. The id of the last event, which browsers send when they reconnect, is newer than the address.
 *
 * @throws RequestError for what is no step
 */
export function resumptionOf(
  lastEventId: string | string[] | undefined,
  { after, afterStep }: RunRequest<'after' | 'afterStep'>['Querystring'],
): Resumption {
  const last = lastEventId ?? after;
  const step = afterStep === undefined ? undefined : stepNumber('afterStep', afterStep);
  return { id: typeof last === 'string' && last !== '' ? last : undefined, step };
}
