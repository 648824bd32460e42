/** What every kind of training step works with: workers, observers, a clock for its phases, a count of its pieces. */
import type { PhaseSeconds, RewardEvent, ShardEvent, StepReport } from '@gapo/rpc';
import { attributeNames, withSpan, type SpanName } from '@gapo/tracing';
import type { GoalChange } from '../../state/goals.js';
import type { TrainingState } from '../../state/trainingState.js';
import type { VersionStore } from '../../state/versions.js';
import type { GradientCall, GradientPool } from '../../workers/gradients.js';
import type { RolloutPool } from '../../workers/rollouts.js';
import type { TrainingContext } from './trainingContext.js';

/** The phases that progress is told of. */
export type Phase = 'sampling' | 'rewards' | 'gradients' | 'combination' | 'checkpoint';

/** Told what happens within a step. */
export interface StepObserver {
  progress(phase: Phase, done: number, total: number, waitingFor?: string): void;
  rollout(event: ShardEvent): void;
  reward(event: RewardEvent): void;
  /** @param update which update of the step, from 0 */
  gradient(update: number, event: ShardEvent): void;
}

/** What a step works with. */
export interface StepContext {
  /** With the objectives and the preference that are in force in the step. */
  readonly training: TrainingContext;
  readonly platform: { readonly rollout: RolloutPool; readonly gradient: GradientPool };
  readonly versions: VersionStore;
  /** The key under which workers ask for the run's versions. */
  readonly key: string;
  readonly signal: AbortSignal;
  readonly observer: StepObserver;
  /** Changes of what the run aims at that were made so far. */
  readonly goalChanges: readonly GoalChange[];
}

/** A step's report but for what is known only once it has ended. */
export type StepFindings = Omit<StepReport, 'seconds' | 'etaSeconds' | 'traceId'> & { readonly phases: PhaseSeconds };

/** What a step leads to. */
export interface StepResult {
  readonly state: TrainingState;
  readonly findings: StepFindings;
}

/** Gradient workers, for a step. */
export function callOf({ platform, signal }: StepContext, step: number): GradientCall {
  return { pool: platform.gradient, signal, label: `step ${step}` };
}

/** Measures a step's phases: what it waits for, so that they do not overlap. */
export interface Stopwatch {
  readonly phases: PhaseSeconds;
  /** Runs a phase in a span of its own and adds its time. */
  time<T>(phase: Phase, span: SpanName, work: () => Promise<T> | T, epoch?: number): Promise<T>;
  /** Adds to a phase the time until work that is under way already has ended. */
  wait<T>(phase: Phase, work: Promise<T>): Promise<T>;
}

export function stopwatch(): Stopwatch {
  const phases = { sampling: 0, rewards: 0, gradients: 0, combination: 0, checkpoint: 0 };
  const wait = async <T>(phase: Phase, work: Promise<T>): Promise<T> => {
    const began = performance.now();
    try {
      return await work;
    } finally {
      phases[phase] += (performance.now() - began) / 1000;
    }
  };
  return {
    phases,
    wait,
    time: (phase, span, work, epoch) =>
      wait(phase, withSpan(span, epoch === undefined ? {} : { [attributeNames.epoch]: epoch }, work)),
  };
}

/** Counts the pieces that go to gradient workers; more may become known on the way. */
export class Pieces {
  readonly #observer: StepObserver;
  #shown = false;
  #done = 0;
  #total = 0;

  constructor(observer: StepObserver) {
    this.#observer = observer;
  }

  /** From here on the step waits for them, and progress tells of them. */
  show(): void {
    this.#shown = true;
    if (this.#total > 0) this.#tell();
  }

  /** So many more are to be done. */
  expect(count: number): void {
    this.#total += count;
    this.#tell();
  }

  /** One is done. */
  tick(): void {
    this.#done += 1;
    this.#tell();
  }

  #tell(): void {
    if (!this.#shown) return;
    this.#observer.progress('gradients', this.#done, Math.max(this.#done, this.#total));
  }
}
