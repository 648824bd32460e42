/** The time table of a step from its spans: how long it waited for each phase. */
import { spanNames } from '@gapo/tracing';
import type { StepTrace } from './stepSpans.js';

/** The phases of a step, as in its report. If two overlap, the step waits for the one listed first here. */
export const phases = ['sampling', 'rewards', 'gradients', 'combination', 'checkpoint'] as const;

/** A phase, or the time between phases. */
export type Part = (typeof phases)[number] | 'other';

/** The phase to which a span's work counts. Spans not listed here are within these, or between them. */
const phaseOf: Readonly<Record<string, (typeof phases)[number]>> = {
  [spanNames.stepSampling]: 'sampling',
  [spanNames.stepRewards]: 'rewards',
  [spanNames.stepLogProbs]: 'gradients',
  [spanNames.stepAdvantages]: 'gradients',
  [spanNames.stepGradients]: 'gradients',
  [spanNames.stepCombination]: 'combination',
  [spanNames.stepOptimizer]: 'combination',
  [spanNames.stepCheckpoint]: 'checkpoint',
};

/** Returns the seconds of each part of a step. They sum to its wall time. */
export function timeTableOf({ root, spans }: Pick<StepTrace, 'root' | 'spans'>): Record<Part, number> {
  const end = Number(root.end - root.start);
  const within = (time: bigint): number => Math.min(end, Math.max(0, Number(time - root.start)));
  const edges = spans.flatMap((span) => {
    const phase = phaseOf[span.name];
    if (phase === undefined) return [];
    return [
      { at: within(span.start), phase, change: 1 },
      { at: within(span.end), phase, change: -1 },
    ];
  });
  edges.sort((a, b) => a.at - b.at);
  const open = { sampling: 0, rewards: 0, gradients: 0, combination: 0, checkpoint: 0 };
  const time: Record<Part, number> = { ...open, other: 0 };
  let last = 0;
  const passUntil = (at: number): void => {
    time[phases.find((phase) => open[phase] > 0) ?? 'other'] += (at - last) / 1e9;
    last = at;
  };
  for (const { at, phase, change } of edges) {
    passUntil(at);
    open[phase] += change;
  }
  passUntil(end);
  return time;
}
