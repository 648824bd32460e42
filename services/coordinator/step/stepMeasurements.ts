/** The measurements of a step: its report as metrics. */
import type { StepReport } from '@gapo/rpc';
import type { MetricAttributes, Observe, ReadingKey } from '@gapo/tracing';

/** The value of a metric, with its attributes. */
export interface Measurement<K extends ReadingKey = ReadingKey> {
  readonly metric: K;
  /** Undefined if the step did not measure it. */
  readonly value: number | undefined;
  readonly attributes: MetricAttributes<K>;
}

/** Returns a measurement with the attributes that its metric declares. */
function measured<K extends ReadingKey>(
  metric: K,
  value: number | undefined,
  attributes: MetricAttributes<K>,
): Measurement {
  return { metric, value, attributes };
}

/** Returns the measurements of a step's report. */
export function measurementsOf(runId: string, report: StepReport): Measurement[] {
  const run = { runId };
  const { phases, seconds, tokens } = report;
  return [
    measured('runStep', report.step, run),
    measured('stepSeconds', seconds, run),
    ...Object.entries<number>({ ...phases }).map(([phase, value]) =>
      measured('phaseSeconds', value, { ...run, phase }),
    ),
    measured('tokenRate', seconds > 0 ? tokens / seconds : undefined, run),
    measured('completionLength', report.completionLength, run),
    measured('finishedFraction', report.finishedFraction, run),
    measured('stationarity', report.stationarity, run),
    measured('kl', report.kl, run),
    measured('entropy', report.entropy, run),
    measured('clipFraction', report.clipFraction, run),
    measured('logprobGap', report.maxLogprobGap, run),
    measured('staleness', report.staleness, run),
    measured('effectiveSampleSize', report.effectiveSampleSize, run),
    measured('updateNorm', report.updateNorm, run),
    measured('learningRate', report.learningRate, run),
    measured('weightsAge', report.weightsAge, run),
    measured('approximation', report.approximationDegrees, run),
    ...report.objectives.flatMap((objective) => {
      const of = { ...run, objective: objective.name };
      return [
        measured('rewardMean', objective.rewardMean, of),
        measured('rewardDeviation', objective.rewardStd, of),
        measured('rewardFailed', objective.failed, of),
        measured('rewardOutliers', objective.outliers, of),
        measured('rewardLatency', objective.latencyMs / 1000, of),
        measured('accuracy', objective.accuracy, of),
        measured('weight', objective.weight, of),
        measured('alpha', objective.alpha, of),
        measured('gradientNorm', objective.gradientNorm, of),
        measured('progress', objective.progress, of),
        measured('multiplier', objective.multiplier, of),
        ...Object.entries(objective.cosines).map(([otherObjective, cosine]) =>
          measured('cosine', cosine, { ...of, otherObjective }),
        ),
      ];
    }),
  ].filter(({ value }) => value !== undefined);
}

/** Passes measurements on to an observer. */
export function observeAll(observe: Observe, measurements: readonly Measurement[]): void {
  for (const { metric, value, attributes } of measurements) {
    if (value !== undefined) observe(metric, value, attributes);
  }
}
