/** What the page shows, as JSON: the gateway's answers, and the data inside a report. A number that is not known is null. */

/** A number, or null where it is not known or not finite. */
export type Num = number | null;

/** A run. */
export interface RunData {
  id: string;
  /** As `running`. */
  state: string;
  /** Why it is in that state; empty where that needs no words. */
  reason: string;
  /** Steps taken. */
  step: number;
  totalSteps: number;
  objectives: string[];
  /** As `gapo`. */
  method: string;
  /** RFC 3339; null where it is not known. */
  created: string | null;
  configSha256: string;
  versionSha256: string;
  /** The directory of the newest checkpoint; empty where there is none. */
  checkpoint: string;
  traceId: string;
  lastStep: StepData | null;
}

/** One objective in a step. */
export interface ObjectiveData {
  name: string;
  rewardMean: Num;
  rewardStd: Num;
  weight: Num;
  alpha: Num;
  gradientNorm: Num;
  progress: Num;
  latencyMs: Num;
  failed: number;
}

/** The phases of a step, in their order. */
export const phaseNames = ['sampling', 'rewards', 'gradients', 'combination', 'checkpoint'] as const;

/** The name of a phase. */
export type PhaseName = (typeof phaseNames)[number];

/** A step that was taken. */
export interface StepData {
  /** From 1. */
  step: number;
  objectives: ObjectiveData[];
  kl: Num;
  entropy: Num;
  clipFraction: Num;
  maxLogprobGap: Num;
  stationarity: Num;
  updateNorm: Num;
  learningRate: Num;
  tokens: number;
  completionLength: Num;
  finishedFraction: Num;
  seconds: Num;
  /** Wall seconds of each phase. */
  phases: Record<PhaseName, Num>;
  etaSeconds: Num;
  traceId: string;
}

/** A mean with its 95 % bootstrap interval. */
export interface IntervalData {
  mean: Num;
  low: Num;
  high: Num;
}

/** One objective before and after. */
export interface ObjectiveEvaluationData {
  name: string;
  before: IntervalData | null;
  after: IntervalData | null;
  difference: IntervalData | null;
  winRate: IntervalData | null;
  /** The share of completions at or over the service's threshold; null where it has none. */
  acceptableBefore: IntervalData | null;
  acceptableAfter: IntervalData | null;
}

/** One prompt with both completions. */
export interface SampleData {
  prompt: string;
  before: string;
  after: string;
  /** In the order of the objectives. */
  scoresBefore: Num[];
  scoresAfter: Num[];
}

/** An evaluation on held-out prompts. */
export interface EvaluationData {
  version: number;
  prompts: number;
  objectives: ObjectiveEvaluationData[];
  samples: SampleData[];
  winRate: IntervalData | null;
  lengthBefore: Num;
  lengthAfter: Num;
}

/** Everything of one run: what a report holds. */
export interface ReportData {
  run: RunData;
  steps: StepData[];
  evaluation?: EvaluationData;
}

/** An event as the gateway sends it: a CloudEvent of one of these kinds. */
export interface PageEvent {
  /** `gapo.v1.` and the kind: state, step, rollout, reward, gradient, checkpoint, preference, objective or progress. */
  type: string;
  data: unknown;
}
