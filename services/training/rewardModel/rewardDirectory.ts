/** Writes a reward model as the directory that `gapo reward serve` hosts. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type LazyTensor, type NamedTensor, configText, writeSafetensors } from '@gapo/model';
import { classifierGraph } from './classifierGraph.js';
import type { ScoreModel } from './scoreModel.js';

const weightsFile = 'model.safetensors';

/** The content of a directory without its tokenizer. */
export interface RewardContent {
  /** Every tensor that the scores need, in the file's order. */
  readonly tensors: readonly (NamedTensor | LazyTensor)[];
  readonly model: ScoreModel;
  /** Hugging Face's config.json. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The options of a reward service, `gapo_reward` in config.json. */
  readonly reward: {
    readonly objective: string;
    readonly max_tokens: number;
    readonly threshold?: number;
    readonly ignore_keys?: readonly string[];
  };
}

/** Writes config.json, model.safetensors and model.onnx into a directory. The caller copies the tokenizer. */
export async function writeReward(directory: string, { tensors, model, config, reward }: RewardContent): Promise<void> {
  const { objective, ...limits } = reward;
  const whole = { ...config, gapo_reward: { objective, orientation: 'higher_is_better', ...limits } };
  await writeFile(join(directory, 'config.json'), configText(whole));
  const entries = await writeSafetensors(join(directory, weightsFile), tensors);
  await writeFile(join(directory, 'model.onnx'), classifierGraph(model, weightsFile, entries));
}
