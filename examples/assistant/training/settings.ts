/** The hyperparameters of the example's models. Changing any of them changes the models. */
import type { LlamaShape } from '@gapo/model';

const common = {
  headWidth: 32,
  context: 128,
  epsilon: 1e-5,
  ropeTheta: 10000,
  tiedEmbeddings: true,
  bosId: 1,
  eosIds: [2],
} as const;

/** The policy's shape: about 1.5 million parameters. */
export const policyShape = { ...common, width: 160, feedForward: 432, layers: 4, heads: 5, keyValueHeads: 5 } as const;

/** A reward model's shape: about 0.37 million parameters. */
export const rewardShape = { ...common, width: 96, feedForward: 256, layers: 2, heads: 3, keyValueHeads: 3 } as const;

/** A shape with the tokenizer's vocabulary. */
export function withVocabulary(shape: Omit<LlamaShape, 'vocabulary'>, vocabulary: number): LlamaShape {
  return { ...shape, vocabulary };
}

/** One training stage. */
export interface StageSettings {
  /** Sequences, or pairs. */
  readonly examples: number;
  readonly epochs: number;
  /** Sequences, or pairs, in a step. */
  readonly batch: number;
  /** Peak learning rate: warm-up over 3 % of the steps, then cosine decay to a tenth. */
  readonly learningRate: number;
  readonly weightDecay: number;
}

/** Seed of weights, data and order. */
export const seed = 7;

/** Next-token prediction on text of the example's world. */
export const pretraining: StageSettings = {
  examples: 60_000,
  epochs: 1,
  batch: 32,
  learningRate: 2e-3,
  weightDecay: 0.05,
};

/** Supervised fine-tuning on requests with good and bad answers: the policy that alignment starts from. */
export const fineTuning: StageSettings = {
  examples: 24_000,
  epochs: 1,
  batch: 32,
  learningRate: 5e-4,
  weightDecay: 0.01,
};

/** Bradley-Terry fits of the reward models. */
export const rewardFit: StageSettings = {
  examples: 48_000,
  epochs: 1,
  batch: 32,
  learningRate: 2e-3,
  weightDecay: 0.05,
};

/** Held-out pairs, with combinations of task and object that no training pair has. */
export const heldOutPairs = 2_000;

/** Labelled answers on which thresholds are chosen. */
export const calibrationAnswers = 4_000;
