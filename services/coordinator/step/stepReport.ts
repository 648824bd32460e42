/** The parts of a step's report that are the same whatever is trained on: what the updates did. */
import type { ObjectiveReport, StepReport } from '@gapo/rpc';
import { currentTraceId } from '@gapo/tracing';
import type { ChosenWeights } from '../state/trainingState.js';
import type { StepFindings } from './context/stepContext.js';
import type { Updated } from './updates/updates.js';

type UpdateReport = Pick<
  StepFindings,
  | 'entropy'
  | 'clipFraction'
  | 'maxLogprobGap'
  | 'stationarity'
  | 'updateNorm'
  | 'learningRate'
  | 'weightsAge'
  | 'approximationDegrees'
>;

/** What the report says of the updates. */
export function reportOf(updated: Updated): UpdateReport {
  const { statistics, chosen, approximationDegrees } = updated;
  const { clipped, entropySum, tokens } = statistics;
  return {
    entropy: entropySum / tokens,
    clipFraction: clipped.reduce((total, count) => total + count, 0) / (tokens * Math.max(1, clipped.length)),
    maxLogprobGap: updated.maxLogprobGap,
    stationarity: chosen.stationarity,
    updateNorm: updated.norm,
    learningRate: updated.learningRate,
    weightsAge: updated.weightsAge,
    ...(approximationDegrees !== undefined && { approximationDegrees }),
  };
}

/** What the report says of one objective's part in the combination, as it was when its weights were chosen. */
export function weightsReport(
  { weights, alpha, norms, progress }: ChosenWeights,
  k: number,
): Pick<ObjectiveReport, 'weight' | 'alpha' | 'gradientNorm' | 'progress'> {
  return { weight: weights[k]!, alpha: alpha[k]!, gradientNorm: norms[k]!, progress: progress[k]! };
}

/**
 * The whole report, once the step has ended.
 *
 * @param recent seconds of the latest steps before, whose mean with this one's makes the estimate of what is left
 * @param stepsLeft after this one
 */
export function completeReport(
  findings: StepFindings,
  { seconds, checkpointSeconds }: { readonly seconds: number; readonly checkpointSeconds: number },
  recent: readonly number[],
  stepsLeft: number,
): StepReport {
  const mean = (recent.reduce((sum, value) => sum + value, 0) + seconds) / (recent.length + 1);
  return {
    ...findings,
    phases: { ...findings.phases, checkpoint: checkpointSeconds },
    seconds,
    etaSeconds: mean * stepsLeft,
    traceId: currentTraceId() ?? '',
  };
}
