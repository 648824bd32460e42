/** Objectives as calls have them, from the words of configurations. */
import type { FailurePolicy, ObjectiveInput, TextForm } from './gen/messages.js';

/** What to do when a completion has no score. */
export const failurePolicies = {
  pause: 'FAILURE_POLICY_PAUSE',
  drop: 'FAILURE_POLICY_DROP',
  fail: 'FAILURE_POLICY_FAIL',
} as const satisfies Readonly<Record<string, FailurePolicy>>;

/** The text that a reward service gets: without special tokens, or with them. */
export const textForms = {
  clean: 'TEXT_FORM_CLEAN',
  raw: 'TEXT_FORM_RAW',
} as const satisfies Readonly<Record<string, TextForm>>;

/** An objective in the words of a configuration. What is undefined is left to the coordinator's defaults. */
export interface ObjectiveWords {
  readonly name: string;
  /** The address of its service, or its name in REWARD_SERVICES. */
  readonly service?: string | undefined;
  readonly onFailure?: keyof typeof failurePolicies | undefined;
  readonly timeoutSeconds?: number | undefined;
  readonly hedgeAfterSeconds?: number | undefined;
  readonly scale?: number | undefined;
  readonly text?: keyof typeof textForms | undefined;
}

/** Returns an objective as a call has it. */
export function objectiveInput(objective: ObjectiveWords): ObjectiveInput {
  const { name, service, onFailure, timeoutSeconds, hedgeAfterSeconds, scale, text } = objective;
  return {
    name,
    ...(service !== undefined && { service }),
    ...(onFailure !== undefined && { onFailure: failurePolicies[onFailure] }),
    ...(timeoutSeconds !== undefined && { timeoutSeconds }),
    ...(hedgeAfterSeconds !== undefined && { hedgeAfterSeconds }),
    ...(scale !== undefined && { scale }),
    ...(text !== undefined && { textForm: textForms[text] }),
  };
}
