/** Requests about runs: validates their parameters and handles each within a span. */
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
 * @throws RequestError if it is not a run id
 */
export function answered<T>(runId: string | undefined, answer: () => Promise<T>): Promise<T> {
  if (runId !== undefined && !isRunId(runId)) {
    throw new RequestError(400, `${JSON.stringify(runId)} is not a run id: expected letters, digits, "-" and "_"`);
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
 * Reads a parameter with one of several values.
 *
 * @throws RequestError for anything else
 */
export function oneOf<T extends string>(name: string, text: string, values: readonly T[]): T {
  const found = values.find((value) => value === text);
  if (found !== undefined) return found;
  throw new RequestError(400, `${name}: found ${JSON.stringify(text)}, expected one of ${values.join(', ')}`);
}

/** Where a reader resumes an event stream: after an event or, if unset, after a step; from the first event if neither is set. */
export interface Resumption {
  /** The id of the last event. */
  readonly id: string | undefined;
  /** The step that the reader had when it first connected. */
  readonly step: number | undefined;
}

/**
 * Reads where to resume a stream. The id of the last event, which browsers send when they reconnect, is newer than the URL's parameters.
 *
 * @throws RequestError if it is not a step
 */
export function resumptionOf(
  lastEventId: string | string[] | undefined,
  { after, afterStep }: RunRequest<'after' | 'afterStep'>['Querystring'],
): Resumption {
  const last = lastEventId ?? after;
  const step = afterStep === undefined ? undefined : stepNumber('afterStep', afterStep);
  return { id: typeof last === 'string' && last !== '' ? last : undefined, step };
}
