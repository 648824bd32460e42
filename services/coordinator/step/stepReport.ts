/** The report of a step. */
import { at } from '@gapo/numeric';
import type { ObjectiveReport, PhaseSeconds, StepReport } from '@gapo/rpc';
import { currentTraceId } from '@gapo/tracing';
import type { StepContext } from './context/stepContext.js';
import type { StepLearning } from './updates/stepStrategy.js';
import type { Updated } from './updates/updates.js';

/** A report without the fields that are known only after the step has ended. */
export type StepFindings = Omit<StepReport, 'seconds' | 'etaSeconds' | 'traceId'> & { readonly phases: PhaseSeconds };

/** Reports what a step learned from, and its updates. */
export function findingsOf(
  { clock, config, step }: StepContext,
  { inputs: { batch }, objectives, klPerToken, offPolicy }: StepLearning,
  updated: Updated,
): StepFindings {
  const { statistics, chosen, combination, approximationDegrees } = updated;
  const { clipped, entropySum, tokens } = statistics;
  const { samples } = batch;
  const cosines = cosinesOf(
    config.objectives.map(({ name }) => name),
    chosen.cosines ?? [],
  );
  return {
    step,
    objectives: config.objectives.map(({ name, scale = 1 }, k): ObjectiveReport => {
      const multiplier = combination.memory['multipliers']?.[k];
      return {
        name,
        ...at(objectives, k),
        // Measured when the weights were chosen.
        weight: at(chosen.weights, k),
        alpha: at(chosen.alpha, k),
        gradientNorm: at(chosen.norms, k),
        progress: at(chosen.progress, k),
        cosines: at(cosines, k),
        scale,
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
    ...(chosen.residual !== undefined && { kktResidual: chosen.residual }),
    ...(klPerToken !== undefined && { kl: klPerToken }),
    ...offPolicy,
    tokens: batch.tokens,
    completionLength: batch.tokens / samples.length,
    finishedFraction: samples.filter(({ finished }) => finished).length / samples.length,
    phases: clock.phases,
  };
}

/**
 * Returns, for each objective, its cosines with those after it.
 *
 * @param pairs of all pairs i < j, row by row; null if undefined
 */
export function cosinesOf(names: readonly string[], pairs: readonly (number | null)[]): Record<string, number>[] {
  let next = 0;
  return names.map((_, i) => {
    const later = names.slice(i + 1).map((name) => [name, pairs[next++]] as const);
    return Object.fromEntries(later.flatMap(([name, cosine]) => (cosine == null ? [] : [[name, cosine] as const])));
  });
}

/**
 * Completes the report of a step that has ended.
 *
 * @param findings the rest of the report
 * @param times seconds of the step, and of writing its checkpoint
 * @param recent seconds of the preceding steps; the mean of these and of this step estimates the remaining time
 * @param stepsLeft steps after this one
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
