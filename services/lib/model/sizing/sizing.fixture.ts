/** The decoder and the run for which the tests have hand-computed memory and times. */
import { llamaConfig } from '../architectures/llama.js';
import type { DecoderConfig } from '../decoderConfig.js';
import { nativeEngines } from './engines.js';
import type { RunExtents } from './plan.js';

/** Two layers of width 8. */
export const smallDecoder: DecoderConfig = llamaConfig({
  vocabulary: 100,
  width: 8,
  feedForward: 16,
  layers: 2,
  heads: 2,
  keyValueHeads: 1,
  headWidth: 4,
  context: 64,
  epsilon: 1e-5,
  ropeTheta: 10_000,
  tiedEmbeddings: false,
  bosId: 1,
  eosIds: [2],
});

/** 4 prompts with 5 completions in two shards, two objectives, adapters of rank 3. */
export const smallRun: RunExtents = {
  engines: nativeEngines,
  device: 'cpu',
  lora: { rank: 3, alpha: 6, targets: ['q_proj', 'v_proj'] },
  objectives: 2,
  valueHeads: 0,
  promptsPerStep: 4,
  samplesPerPrompt: 5,
  batch: 64,
  shards: 2,
  promptTokens: 6,
  completionTokens: 10,
  updates: 1,
  epochs: 1,
  staleness: 0,
  current: false,
  reference: true,
  regularized: true,
  precision: 'float32',
  activationBudget: 2 ** 31,
  recompute: false,
};
