/**
 * The data of each kind of event: the messages of gapo.events.v1 and gapo.training.v1 as plain JSON objects. Every
 * number is finite; a number that is not known is left out where it is optional.
 */

/** `state`: a run changed state. */
export interface StateEvent {
  /** The state before, as RUN_STATE_RUNNING. */
  from: string;
  /** The state now. */
  to: string;
  /** Why, where that needs saying; else empty. */
  reason: string;
}

/** `rollout` and `gradient`: a worker finished a shard. */
export interface ShardEvent {
  /** The step, from 1. */
  step: number;
  /** The shard, from 0. */
  shard: number;
  /** The policy version. */
  version: number;
  /** Sequences in the shard. */
  sequences: number;
  /** Completion tokens in the shard. */
  tokens: number;
  /** Wall seconds. */
  seconds: number;
  /** The worker, as host:port. */
  worker: string;
}

/** `reward`: an objective scored a step's completions. */
export interface RewardEvent {
  /** The step, from 1. */
  step: number;
  /** The objective's name. */
  objective: string;
  /** Its reward service's address. */
  service: string;
  /** Mean of the scores; absent where nothing was scored. */
  mean?: number;
  /** Their standard deviation; absent where nothing was scored. */
  std?: number;
  /** Items without a score. */
  failed: number;
  /** What the failures said, the first few. */
  failures: string[];
  /** Scores that are far from all before them, the first few, each with its item. */
  outliers: string[];
  /** Wall seconds. */
  seconds: number;
}

/** `checkpoint`: a checkpoint is on disk. */
export interface CheckpointEvent {
  /** The step. */
  step: number;
  /** Its directory. */
  directory: string;
  /** SHA-256 (hex) of the version's tensors. */
  sha256: string;
}

/** `preference`: somebody changed what the run aims at; it holds from `step` on. */
export interface PreferenceEvent {
  /** The first step with the new preference. */
  step: number;
  /** Who changed it. */
  author: string;
  /** The preference or weights before, by objective. */
  before: Record<string, number>;
  /** The preference or weights after, by objective, as they were given. */
  after: Record<string, number>;
}

/** `objective`: somebody added objectives to the run, or removed some; it holds from `step` on. */
export interface ObjectiveEvent {
  /** The first step with the new objectives. */
  step: number;
  /** Who changed them. */
  author: string;
  /** The names of those that were added. */
  added: string[];
  /** The names of those that were removed. */
  removed: string[];
  /** The names of all objectives from the step on, in order. */
  objectives: string[];
  /** The preference or weights from the step on, by objective; empty where the method takes none. */
  preference: Record<string, number>;
}

/** One objective's part in a step. */
export interface ObjectiveStep {
  /** The objective's name. */
  name: string;
  /** The mean reward of the step's completions. */
  rewardMean: number;
  /** The rewards' standard deviation. */
  rewardStd: number;
  /** The weight of its gradient in the update: d = Σ w_i g_i. */
  weight: number;
  /** Its share of the combination before rescaling, on the simplex. */
  alpha: number;
  /** The norm of its gradient. */
  gradientNorm: number;
  /** First-order progress ⟨g_i, d⟩ of the update before the optimiser. */
  progress: number;
  /** Milliseconds its slowest Score call took. */
  latencyMs: number;
  /** Completions that it could not score in this step. */
  failed: number;
  /** Its Lagrange multiplier, where the method has them. */
  multiplier?: number;
  /** With preference pairs: the share of its labelled pairs that the policy ranks as labelled. */
  accuracy?: number;
}

/** Where a step's time went, in wall seconds. */
export interface PhaseSeconds {
  /** Sampling completions. */
  sampling: number;
  /** Scoring them. */
  rewards: number;
  /** Reference log-probabilities and gradients. */
  gradients: number;
  /** Gram matrix, weights, optimiser. */
  combination: number;
  /** Checkpoint. */
  checkpoint: number;
}

/** `step`: a step was taken (gapo.training.v1.StepReport). */
export interface StepEvent {
  /** The step, from 1. */
  step: number;
  /** One for each objective, in order. */
  objectives: ObjectiveStep[];
  /** Mean k2 KL to the reference per token. */
  kl: number;
  /** Mean entropy per token, in nats. */
  entropy: number;
  /** Share of tokens at which the clip is active, over all objectives. */
  clipFraction: number;
  /** The largest |sampler - trainer| log-probability of a token. */
  maxLogprobGap: number;
  /** The min-norm stationarity measure of the normalised gradients: 0 is Pareto stationary, 1 is agreement. */
  stationarity: number;
  /** The norm of the update before clipping. */
  updateNorm: number;
  /** The learning rate used. */
  learningRate: number;
  /** Completion tokens. */
  tokens: number;
  /** Mean completion length in tokens. */
  completionLength: number;
  /** Share of completions that ended with an end-of-sequence token. */
  finishedFraction: number;
  /** Wall seconds of the whole step. */
  seconds: number;
  /** Wall seconds of each phase. */
  phases: PhaseSeconds;
  /** Seconds left, by the mean of recent steps. */
  etaSeconds: number;
  /** The step's trace id (hex); empty where tracing is off. */
  traceId: string;
  /** Steps since the combination's weights were chosen; 0 or absent where they are this step's own. */
  weightsAge?: number;
  /**
   * Where the weights come from an approximate source and were checked in this step: the angle in degrees between the
   * update that they make and the exact one.
   */
  approximationDegrees?: number;
}

/** The data of each kind. */
export interface EventData {
  state: StateEvent;
  step: StepEvent;
  rollout: ShardEvent;
  reward: RewardEvent;
  gradient: ShardEvent;
  checkpoint: CheckpointEvent;
  preference: PreferenceEvent;
  objective: ObjectiveEvent;
}
