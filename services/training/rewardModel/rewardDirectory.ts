/** A reward model as the directory that `gapo reward serve` hosts. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type LazyTensor, type NamedTensor, writeSafetensors } from '@gapo/model';
import { classifierGraph } from './classifierGraph.js';
import type { ScoreModel } from './scoreModel.js';

const weightsFile = 'model.safetensors';

/** What a directory is made of, beside its tokenizer. */
export interface RewardContent {
  /** Every tensor that the scores need, in the file's order. */
  readonly tensors: readonly (NamedTensor | LazyTensor)[];
  readonly model: ScoreModel;
  /** config.json as Hugging Face has it. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Its part `gapo_reward`: what only a reward service needs. */
  readonly reward: { readonly objective: string; readonly max_tokens: number; readonly threshold?: number };
}

/** Writes config.json, model.safetensors and model.onnx into a directory. The tokenizer is the caller's to copy. */
export async function writeReward(directory: string, { tensors, model, config, reward }: RewardContent): Promise<void> {
  const { objective, ...limits } = reward;
  const whole = { ...config, gapo_reward: { objective, orientation: 'higher_is_better', ...limits } };
  await writeFile(join(directory, 'config.json'), `${JSON.stringify(whole, null, 2)}\n`);
  const entries = await writeSafetensors(join(directory, weightsFile), tensors);
  await writeFile(join(directory, 'model.onnx'), classifierGraph(model, weightsFile, entries));
}
