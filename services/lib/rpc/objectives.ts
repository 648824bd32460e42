/** Converts objectives from the terms of a configuration to messages. */
import type { FailurePolicy, ObjectiveInput, TextForm } from './gen/messages.js';

/** What to do when a completion has no score. */
export const failurePolicies = {
  pause: 'FAILURE_POLICY_PAUSE',
  drop: 'FAILURE_POLICY_DROP',
  fail: 'FAILURE_POLICY_FAIL',
} as const satisfies Readonly<Record<string, FailurePolicy>>;

/** The text sent to a reward service: without or with special tokens. */
export const textForms = {
  clean: 'TEXT_FORM_CLEAN',
  raw: 'TEXT_FORM_RAW',
} as const satisfies Readonly<Record<string, TextForm>>;

/** An objective in the terms of a configuration. Undefined fields get the coordinator's defaults. */
export interface ObjectiveWords {
  readonly name: string;
  /** The address of its service, or its name in REWARD_SERVICES. */
  readonly service?: string | undefined;
  readonly onFailure?: keyof typeof failurePolicies | undefined;
  readonly timeoutSeconds?: number | undefined;
  readonly hedgeAfterSeconds?: number | undefined;
  readonly scale?: number | undefined;
  readonly noise?: number | undefined;
  readonly threshold?: number | undefined;
  readonly text?: keyof typeof textForms | undefined;
}

/** Converts an objective to a message. */
export function objectiveInput(objective: ObjectiveWords): ObjectiveInput {
  const { name, service, onFailure, timeoutSeconds, hedgeAfterSeconds, scale, noise, threshold, text } = objective;
  return {
    name,
    ...(service !== undefined && { service }),
    ...(onFailure !== undefined && { onFailure: failurePolicies[onFailure] }),
    ...(timeoutSeconds !== undefined && { timeoutSeconds }),
    ...(hedgeAfterSeconds !== undefined && { hedgeAfterSeconds }),
    ...(scale !== undefined && { scale }),
    ...(noise !== undefined && { noise }),
    ...(threshold !== undefined && { threshold }),
    ...(text !== undefined && { textForm: textForms[text] }),
  };
}
