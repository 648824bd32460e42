/** The progress of a run, accumulated from the messages of WatchRun. */
import {
  isActive,
  type ObjectiveReport,
  type Progress,
  type Run,
  type StepReport,
  type WatchRunResponse,
} from '@gapo/rpc';

/** The progress of a run so far. */
export interface RunProgress {
  /** The run, as of the last message that contains it. */
  run: Run;
  /** The last step received; undefined before the first. */
  last: StepReport | undefined;
  /** The mean rewards of the steps received, oldest first, by objective of the last step. */
  means: ReadonlyMap<string, readonly number[]>;
  /** Progress within the next step. */
  doing: Progress | undefined;
  /** Progress of the sequence of runs; undefined for a single run. */
  whole: WholeProgress | undefined;
}

/** The progress of a sequence of runs. */
export interface WholeProgress {
  /** The number of the current run, from 1. */
  part: number;
  /** The number of runs. */
  of: number;
  /** Describes the current run. */
  label: string;
  /** Seconds left for all of them; undefined before the first step. */
  etaSeconds: number | undefined;
}

/** One objective to display. */
export interface ShownObjective {
  name: string;
  means: readonly number[];
  /** Its report in the last step; undefined if it had no part in it. */
  report: ObjectiveReport | undefined;
}

/** Mean rewards kept for the sparkline. */
const longestHistory = 400;

/** Returns the progress of a run before any message. */
export function progressOf(run: Run): RunProgress {
  return { run, last: undefined, means: new Map(), doing: undefined, whole: undefined };
}

/** Returns the progress after one more message. */
export function advance(progress: RunProgress, { run, step, progress: doing }: WatchRunResponse): RunProgress {
  if (step) return { ...progress, last: step, means: withMeans(progress.means, step), doing: undefined };
  if (doing) return { ...progress, doing };
  return run ? { ...progress, run, doing: isActive(run.state) ? progress.doing : undefined } : progress;
}

function withMeans(before: RunProgress['means'], { objectives }: StepReport): RunProgress['means'] {
  return new Map(
    objectives.map(({ name, rewardMean }) => [name, [...(before.get(name) ?? []), rewardMean].slice(-longestHistory)]),
  );
}

/** Returns the number of steps taken, consistent with the report that is shown. */
export function stepsTaken({ run, last }: RunProgress): number {
  return last?.step ?? run.step;
}

/** Returns the objectives of the last step, then those that the next step adds. */
export function shownObjectives({ run, last, means }: RunProgress): ShownObjective[] {
  const reports = new Map(last?.objectives.map((report) => [report.name, report]));
  return [...new Set([...reports.keys(), ...run.objectives])].map((name) => ({
    name,
    means: means.get(name) ?? [],
    report: reports.get(name),
  }));
}

/** Returns the completion tokens per second of a step; undefined if unknown. */
export function tokensPerSecond(step: StepReport | undefined): number | undefined {
  return step && step.seconds > 0 ? step.tokens / step.seconds : undefined;
}

/** Returns the preference of the next step in the order of the objectives; a protobuf map has no order. */
export function orderedPreference({ objectives, preference }: Run): Record<string, number> {
  const given = objectives.filter((name) => Object.hasOwn(preference, name));
  return Object.fromEntries(given.map((name) => [name, preference[name] ?? NaN]));
}
