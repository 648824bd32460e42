/** Scores as events of OpenTelemetry: gen_ai.evaluation.result. */
import { at } from '@gapo/numeric';
import { currentRunId, recordEvent, recordsEvents } from '@gapo/tracing';
import type { ObjectiveScores } from './scoring.js';

/**
 * Records the scores of one objective, one event for each completion. Does nothing if the trace is not sampled or logs are not exported.
 */
export function recordScores(
  step: number,
  completions: readonly { readonly id: string }[],
  { objective, values, failures }: ObjectiveScores,
): void {
  if (!recordsEvents()) return;
  const reasons = new Map(failures.map(({ index, message }) => [index, message]));
  const runId = currentRunId();
  for (const [index, value] of values.entries()) {
    recordEvent('evaluationResult', {
      runId,
      step,
      evaluationName: objective,
      responseId: at(completions, index).id,
      evaluationScore: value,
      ...(value === undefined && { errorType: 'no_score', evaluationExplanation: reasons.get(index) }),
    });
  }
}
