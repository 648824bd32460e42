/** The starting point of a reward model's training. */
import { type JudgedConversation, type NamedTensor, type TensorShape, philoxNormal, sizeOf } from '@gapo/model';
import type { RewardContent } from './rewardDirectory.js';
import type { ScoreModel } from './scoreModel.js';

/** A model before its first update, and how to export it after its last. */
export interface Start {
  readonly model: ScoreModel;
  /** The trained tensors at their initial values, in the model's order; training changes them in place. */
  readonly tensors: readonly NamedTensor[];
  readonly conversation: JudgedConversation;
  /** The longest conversation that the model reads, in tokens. */
  readonly maxTokens: number;
  /** What the user should know about the decoder; empty without one. */
  readonly notes: readonly string[];
  /** SHA-256 (hex) of the decoder's weights, or of the tokenizer. */
  readonly baseSha256: string;
  /** Returns the content of the reward model's directory, from the trained tensors. */
  content(): Promise<Omit<RewardContent, 'reward'>>;
}

/** Standard deviation of initial weights, that of Hugging Face's decoders. */
const deviation = 0.02;

/** Returns a tensor of random initial values, which the seed and `index` determine. */
export function freshTensor({ name, shape }: TensorShape, seed: number, index: number): NamedTensor {
  return { name, shape, data: philoxNormal(sizeOf(shape), seed, index, deviation) };
}
