/** The context of one training step: the run's context, workers, a stopwatch for its phases, gradient progress. */
import type { RunConfig } from '@gapo/config';
import type { PhaseSeconds, PolicyRefInput, RewardEvent, ShardEvent } from '@gapo/rpc';
import { attributeNames, withSpan, type SpanName } from '@gapo/tracing';
import type { GoalChange } from '../../state/goals.js';
import { versionOf, type TrainingState } from '../../state/trainingState.js';
import type { VersionStore } from '../../state/versions.js';
import {
  batchLogProbs,
  type BatchLogProbs,
  type GradientCall,
  type GradientPool,
  type LogProbsInput,
} from '../../workers/gradients.js';
import type { RolloutPool } from '../../workers/rollouts.js';
import type { Samplings } from './samplings.js';
import { policyRef, type TrainingContext } from './trainingContext.js';

/** The phases of a step, as reports and progress name them. */
export type Phase = 'sampling' | 'rewards' | 'gradients' | 'combination' | 'checkpoint';

/** Observes a step. */
export interface StepObserver {
  progress(phase: Phase, done: number, total: number, waitingFor?: string): void;
  reward(event: RewardEvent): void;
  /** @param update index of the update within the step */
  gradient(update: number, event: ShardEvent): void;
}

/** The inputs of a step. */
export interface StepParts {
  /** With the goals that apply to the step. */
  readonly training: TrainingContext;
  /** The state before the step. */
  readonly before: TrainingState;
  readonly workers: { readonly gradient: GradientPool; readonly rollout: Pick<RolloutPool, 'reference'> };
  /** Completions of this step and of later ones. */
  readonly samplings: Samplings;
  readonly versions: VersionStore;
  /** The key under which workers pull the run's policy versions. */
  readonly key: string;
  readonly signal: AbortSignal;
  readonly observer: StepObserver;
  /** The run's goal changes so far. */
  readonly goalChanges: readonly GoalChange[];
}

/** The inputs of a step and what derives from them. */
export interface StepContext extends StepParts {
  readonly config: RunConfig;
  /** The step's number, from 1. */
  readonly step: number;
  /** The version before the step's first update. */
  readonly version: number;
  readonly clock: Stopwatch;
  readonly progress: GradientProgress;
  readonly gradientCall: GradientCall;
  /** Returns the reference with which workers pull a version. */
  readonly policy: (version: number) => PolicyRefInput;
}

/** Creates the context of a step. */
export function stepContext(parts: StepParts): StepContext {
  const { training, before, workers, key, signal, observer } = parts;
  const step = before.step + 1;
  return {
    ...parts,
    config: training.config,
    step,
    version: versionOf(before),
    clock: stopwatch(),
    progress: new GradientProgress(observer),
    gradientCall: { pool: workers.gradient, signal, label: `step ${step}` },
    policy: (version) => policyRef(training, key, version),
  };
}

/** Returns the same context with another signal. */
export function withSignal(context: StepContext, signal: AbortSignal): StepContext {
  return { ...context, signal, gradientCall: { ...context.gradientCall, signal } };
}

/**
 * Computes the log-probabilities of a batch as part of a step.
 *
 * @throws RpcError, PauseNeeded as WorkerPool.run
 */
export function logProbsOf({ gradientCall, progress }: StepContext, input: LogProbsInput): Promise<BatchLogProbs> {
  progress.expect(input.batch.shards.length);
  return batchLogProbs(gradientCall, input, () => progress.tick());
}

/** Measures how long a step waits for each of its phases. */
export interface Stopwatch {
  readonly phases: PhaseSeconds;
  /** Runs work in a span and adds its duration to a phase. */
  time<T>(phase: Phase, span: SpanName, work: () => Promise<T> | T, epoch?: number): Promise<T>;
  /** Waits for running work and adds the waiting time to a phase. */
  wait<T>(phase: Phase, work: Promise<T>): Promise<T>;
}

function stopwatch(): Stopwatch {
  const phases = { sampling: 0, rewards: 0, gradients: 0, combination: 0, checkpoint: 0 };
  const measure = async <T>(phase: Phase, work: () => Promise<T>): Promise<T> => {
    // Started before the work, so that what it does before its first await counts too.
    const began = performance.now();
    try {
      return await work();
    } finally {
      phases[phase] += (performance.now() - began) / 1000;
    }
  };
  return {
    phases,
    wait: (phase, work) => measure(phase, () => work),
    time: (phase, span, work, epoch) =>
      measure(phase, () => withSpan(span, epoch === undefined ? {} : { [attributeNames.epoch]: epoch }, work)),
  };
}

/** Counts the shards that gradient workers compute. Their number may grow while the step runs. */
export class GradientProgress {
  readonly #observer: StepObserver;
  #shown = false;
  #done = 0;
  #total = 0;

  constructor(observer: StepObserver) {
    this.#observer = observer;
  }

  /** Starts reporting progress: from now on the step waits for gradient workers. */
  show(): void {
    this.#shown = true;
    if (this.#total > 0) this.#report();
  }

  /** Adds shards to compute. */
  expect(count: number): void {
    this.#total += count;
    this.#report();
  }

  /** Counts a shard as computed. */
  tick(): void {
    this.#done += 1;
    this.#report();
  }

  #report(): void {
    if (!this.#shown) return;
    this.#observer.progress('gradients', this.#done, Math.max(this.#done, this.#total));
  }
}
