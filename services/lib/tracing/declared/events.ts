/** Every event: those of spans, and those that are log records with a name. */
import { namesOf, type AttributeKey } from './attributes.js';

/** A declared event. */
export interface EventDeclaration {
  readonly name: string;
  /** Whether it is an event of the active span or a log record. */
  readonly kind: 'span event' | 'log record';
  /** The services that record it. */
  readonly by: readonly string[];
  readonly description: string;
  readonly attributes: readonly AttributeKey[];
}

/** The events by the keys that code uses. */
export const telemetryEvents = {
  straggler: {
    name: 'gapo.straggler',
    kind: 'span event',
    by: ['coordinator'],
    description: 'A worker took much longer for a shard than the others take.',
    attributes: ['worker', 'slowness'],
  },
  evaluationResult: {
    name: 'gen_ai.evaluation.result',
    kind: 'log record',
    by: ['coordinator'],
    description:
      'One objective scored one completion. Only of runs that are sampled, while logs are exported. A completion without a score has `error.type` and an explanation in place of the score.',
    attributes: [
      'runId',
      'step',
      'evaluationName',
      'evaluationScore',
      'evaluationExplanation',
      'responseId',
      'errorType',
    ],
  },
} as const satisfies Readonly<Record<string, EventDeclaration>>;

/** Names of events, by key. */
export const telemetryEventNames = namesOf(telemetryEvents);
