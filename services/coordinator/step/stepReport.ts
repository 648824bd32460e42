/** The report of a step. */
import { at } from '@gapo/numeric';
import type { ObjectiveReport, PhaseSeconds, StepReport } from '@gapo/rpc';
import { currentTraceId } from '@gapo/tracing';
import type { StepContext } from './context/stepContext.js';
import type { StepLearning } from './updates/stepStrategy.js';
import type { Updated } from './updates/updates.js';

/** A step's report without the fields that are known only once it has ended. */
export type StepFindings = Omit<StepReport, 'seconds' | 'etaSeconds' | 'traceId'> & { readonly phases: PhaseSeconds };

/** Reports what a step learned from and what its updates did. */
export function findingsOf(
  { clock, config, step }: StepContext,
  { inputs: { batch }, objectives, klPerToken }: StepLearning,
  updated: Updated,
): StepFindings {
  const { statistics, chosen, combination, approximationDegrees } = updated;
  const { clipped, entropySum, tokens } = statistics;
  const { samples } = batch;
  return {
    step,
    objectives: config.objectives.map(({ name }, k): ObjectiveReport => {
      const multiplier = combination.memory['multipliers']?.[k];
      return {
        name,
        ...at(objectives, k),
        // As they were when the weights were chosen.
        weight: at(chosen.weights, k),
        alpha: at(chosen.alpha, k),
        gradientNorm: at(chosen.norms, k),
        progress: at(chosen.progress, k),
        ...(multiplier !== undefined && { multiplier }),
      };
    }),
    entropy: entropySum / tokens,
    clipFraction: clipped.reduce((total, count) => total + count, 0) / (tokens * Math.max(1, clipped.length)),
    maxLogprobGap: updated.maxLogprobGap,
    stationarity: chosen.stationarity,
    updateNorm: updated.norm,
    learningRate: updated.learningRate,
    weightsAge: step - chosen.step,
    ...(approximationDegrees !== undefined && { approximationDegrees }),
    ...(klPerToken !== undefined && { kl: klPerToken }),
    tokens: batch.tokens,
    completionLength: batch.tokens / samples.length,
    finishedFraction: samples.filter(({ finished }) => finished).length / samples.length,
    phases: clock.phases,
  };
}

/**
 * Completes the report once the step has ended.
 *
 * @param recent seconds of the latest steps before this one; their mean with this one's estimates the time left
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
