/** What of a run configuration decides its size. The coordinator validates the whole file, with the same defaults. */
import { resolve } from 'node:path';
import { linearTargets } from '@gapo/model';
import type { RunExtents, DecoderConfig } from '@gapo/model';
import { parseYaml, z, UserError } from '@gapo/service';
import type { ConfigFile } from '../launches.js';

const count = (otherwise: number) => z.int().min(1).default(otherwise);

/** The fields that are read; everything else is passed over. */
export const sizedConfig = z.looseObject({
  algorithm: z.enum(['ppo', 'dpo']).default('ppo'),
  policy: z.looseObject({
    model: z.string(),
    train: z.enum(['lora', 'full']).default('lora'),
    lora: z
      .looseObject({
        rank: count(16),
        alpha: z.number().positive().default(32),
        targets: z.union([z.literal('all-linear'), z.array(z.string()).min(1)]).default('all-linear'),
      })
      .prefault({}),
  }),
  rollout: z
    .looseObject({
      promptsPerStep: count(32),
      samplesPerPrompt: count(4),
      maxNewTokens: count(48),
      batch: count(64),
      shards: count(4),
    })
    .prefault({}),
  objectives: z.array(z.looseObject({})).min(1),
  ppo: z
    .looseObject({
      advantages: z.enum(['rloo', 'group', 'gae']).default('rloo'),
      epochs: count(1),
      minibatches: count(1),
    })
    .prefault({}),
  kl: z
    .looseObject({ coefficient: z.number().min(0).default(0.02), in: z.enum(['loss', 'reward']).default('loss') })
    .prefault({}),
  entropyCoefficient: z.number().min(0).default(0),
  compute: z
    .looseObject({
      precision: z.enum(['float32', 'float16']).default('float32'),
      memoryBudget: count(2048),
      recompute: z.boolean().default(false),
    })
    .prefault({}),
});

/** A configuration as far as sizes go. */
export type SizedConfig = z.output<typeof sizedConfig>;

/** Reads a configuration. */
export function readSized({ text, path, baseDirectory }: ConfigFile): { config: SizedConfig; model: string } {
  const config = parseYaml(sizedConfig, text, { source: path });
  if (config.algorithm === 'dpo') throw new UserError(`${path}: algorithm is dpo; sizes are known for ppo alone`);
  return { config, model: resolve(baseDirectory, config.policy.model) };
}

/** Where the run is computed, and what the configuration does not say. */
export interface Surroundings {
  readonly device: RunExtents['device'];
  /** Tokens of a prompt. @default 256, or what the context leaves */
  readonly promptTokens: number | undefined;
}

const usualPrompt = 256;

/**
 * The extents of a run.
 *
 * @throws UserError where prompts and completions are longer than the model's context
 */
export function extentsOf(config: SizedConfig, decoder: DecoderConfig, surroundings: Surroundings): RunExtents {
  const { policy, rollout, ppo, kl, compute } = config;
  const room = decoder.context - rollout.maxNewTokens;
  const { promptTokens = Math.min(usualPrompt, room), device } = surroundings;
  if (room < 1 || promptTokens > room) {
    throw new UserError(
      `rollout.maxNewTokens ${rollout.maxNewTokens} leaves ${Math.max(0, room)} of the model's ${decoder.context} tokens ` +
        `for a prompt${surroundings.promptTokens === undefined ? '' : `, not ${promptTokens}`}`,
    );
  }
  const { rank, alpha, targets } = policy.lora;
  const valueHeads = ppo.advantages === 'gae' ? config.objectives.length : 0;
  return {
    device,
    lora:
      policy.train === 'full'
        ? undefined
        : { rank, alpha, targets: targets === 'all-linear' ? linearTargets(decoder) : targets },
    objectives: config.objectives.length,
    valueHeads,
    promptsPerStep: rollout.promptsPerStep,
    samplesPerPrompt: rollout.samplesPerPrompt,
    batch: rollout.batch,
    shards: rollout.shards,
    promptTokens,
    completionTokens: rollout.maxNewTokens,
    updates: ppo.epochs * ppo.minibatches,
    epochs: ppo.epochs,
    reference: kl.coefficient > 0,
    regularized: (kl.coefficient > 0 && kl.in === 'loss') || config.entropyCoefficient > 0 || valueHeads > 0,
    precision: compute.precision,
    activationBudget: compute.memoryBudget * 2 ** 20,
    recompute: compute.recompute,
  };
}
