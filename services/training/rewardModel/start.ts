/** What a fit starts from. */
import { type JudgedConversation, type NamedTensor, type TensorShape, philoxNormal, sizeOf } from '@gapo/model';
import type { RewardContent } from './rewardDirectory.js';
import type { ScoreModel } from './scoreModel.js';

/** Everything about a model before its first update, and what becomes of it after its last. */
export interface Start {
  readonly model: ScoreModel;
  /** The trained tensors at their first values, in the model's order; a fit changes them in place. */
  readonly tensors: readonly NamedTensor[];
  readonly conversation: JudgedConversation;
  /** The longest conversation that the model reads, in tokens. */
  readonly maxTokens: number;
  /** SHA-256 (hex) of a decoder's weights, or of the tokenizer of a model that starts from nothing. */
  readonly baseSha256: string;
  /** What the trained tensors make. */
  content(): Promise<Omit<RewardContent, 'reward'>>;
}

/** Standard deviation of fresh weights, as Hugging Face's decoders have it. */
const deviation = 0.02;

/** A tensor at fresh values, of which `index` and the seed decide. */
export function freshTensor({ name, shape }: TensorShape, seed: number, index: number): NamedTensor {
  return { name, shape, data: philoxNormal(sizeOf(shape), seed, index, deviation) };
}
