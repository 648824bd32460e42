/**
 * A combiner: a method that turns the objectives' gradients into one update, with everything the rest of the platform
 * needs to know about it. To add one, write a file like those next to this one and add a line to registry.ts.
 */

import type { z } from 'zod';
import type { Gram } from '../gram/gram.js';
import type { KktCertificate } from '../solvers/certificate.js';
import type { Memory } from './memory.js';

/** The weights that a combiner chooses. */
export interface Choice {
  /**
   * Simplex weights before any rescaling or projection, length K: how much influence the method gives each objective. They
   * sum to 1 and are ≥ 0, except for IMTL-G, whose weights may be negative.
   */
  readonly alpha: Float64Array;
  /** w with d = Σ w_i g_i, length K. */
  readonly weights: Float64Array;
  /** Objectives whose gradient is zero, if the method needs its direction: weight 0, ascending. */
  readonly leftOut: readonly number[];
  /** Proof of optimality; null if the method does not solve an optimisation problem. */
  readonly certificate: KktCertificate | null;
  /** The stationarity of the gradients, if the method computes it anyway. */
  readonly stationarity?: number;
  /** The method's memory of this choice for the next one. @default nothing */
  readonly memory?: Memory;
}

/** The data of a step that a combiner's options may depend on. Vectors are in the order of `names`. */
export interface CombinationStep {
  /** The objectives' names, length K, in the order of the Gram matrix. */
  readonly names: readonly string[];
  /** The run's seed. */
  readonly seed: number;
  /** The step, from 1. */
  readonly step: number;
  /** The current preference or weights, as given; zeros if the combiner takes none. Length K. */
  readonly weights: Float64Array;
  /** The same numbers divided by their sum. Length K. */
  readonly preference: Float64Array;
  /** Updated with this step's rewards. */
  readonly memory: Memory;
  /** Mean over tokens of each objective's advantages, with negative ones counted as 0. Length K. */
  readonly noonAdvantages: readonly number[];
  /** The mean loss of each objective, with DPO; empty with PPO. */
  readonly losses: readonly number[];
}

/**
 * Reports a problem in the settings.
 *
 * @param path relative to the combiner's settings
 * @param expected what would be right, as in "one of helpful, harmless"
 */
export type Refuse = (path: PropertyKey[], expected: string) => void;

/** The setting that holds the numbers that steer a combiner. `gapo prefer` changes it while a run trains. */
export type Steering = 'preference' | 'weights';

/** Where the settings are in the run configuration: in `combine`, or in a section named after the method. */
export type Placement = 'combine' | 'section';

/** The settings of a combiner with every default filled in. */
export type Settings<S extends z.ZodRawShape> = z.output<z.ZodObject<S>>;

/** A combiner. S are its settings, O the options of its function. */
export interface Combiner<
  S extends z.ZodRawShape = z.ZodRawShape,
  O extends object = object,
  P extends Placement = Placement,
> {
  /** The update in one line, for tables. */
  readonly summary: string;
  /** The paper or book it comes from. */
  readonly source: string;
  /** The keys that it takes in the run configuration, each with a description and its default. */
  readonly settings: S;
  /** @default combine */
  readonly placement?: P;
  /** Present if a preference or weights steer it. The generic checks cover that setting: one number for each objective. */
  readonly steeredBy?: Steering;
  /** The one algorithm that has what the method needs, and why, as in "which has a loss for each objective". */
  readonly only?: { readonly algorithm: 'ppo' | 'dpo'; readonly reason: string };
  /**
   * Present if the method trains on one advantage instead of K gradients: the advantage of the weighted sum of rewards, or
   * the weighted sum of normalised advantages. The steering weights are then its weights.
   */
  readonly over?: 'rewards' | 'advantages';
  /** Why objectives cannot be added or removed while a run trains, as in "with a limit for each"; absent if they can. */
  readonly objectivesFixed?: string;
  /** Checks the settings against the objectives' names. */
  check?(settings: Settings<S>, names: readonly string[], refuse: Refuse): void;
  /** The memory before the first step. @default empty */
  initialMemory?(settings: Settings<S>, names: readonly string[]): Memory;
  /**
   * Returns the memory once a step's rewards are known, before its updates. @default unchanged
   *
   * @param rewards mean reward of each objective over the step's completions
   * @throws RangeError if a number leaves the range of float64; the message names the setting
   */
  remember?(settings: Settings<S>, memory: Memory, names: readonly string[], rewards: readonly number[]): Memory;
  /**
   * Transforms the reward of a completion into the reward that the method uses. @default the reward itself
   *
   * @param name the objective's name
   */
  reward?(settings: Settings<S>, name: string, reward: number): number;
  /** The options of one step. */
  options(settings: Settings<S>, step: CombinationStep): O;
  /**
   * Chooses the weights: a pure function.
   *
   * @param gram Gram matrix of the K objectives' ascent gradients
   * @throws RangeError for options that do not fit the objectives; the message names the option
   */
  choose(gram: Gram, options: O): Choice;
}

/** Declares a combiner, with its types inferred. */
export function defineCombiner<const S extends z.ZodRawShape, O extends object, const P extends Placement = 'combine'>(
  combiner: Combiner<S, O, P>,
): Combiner<S, O, P> {
  return combiner;
}
