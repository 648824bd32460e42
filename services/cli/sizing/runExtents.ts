/** The extents of a run: what its configuration and its model say about its size. */
import { resolve } from 'node:path';
import { updatesPerStep, type RunConfig } from '@gapo/config';
import { linearTargets, readLora, type DecoderConfig, type LoraSpec, type RunExtents } from '@gapo/model';
import { UserError } from '@gapo/service';

/** What the configuration does not say. */
export interface Surroundings {
  readonly device: RunExtents['device'];
  /** Tokens of a prompt. @default 256, or what the context leaves */
  readonly promptTokens: number | undefined;
}

/** Tokens of a prompt where nobody says otherwise. */
const usualPrompt = 256;

/**
 * Returns the adapters that a run trains; undefined where it trains every weight.
 *
 * @throws ModelError where the adapter that it starts from cannot be read
 */
export async function loraOf(
  { policy }: RunConfig,
  decoder: DecoderConfig,
  baseDirectory: string,
): Promise<LoraSpec | undefined> {
  if (policy.adapter !== undefined) return readLora(resolve(baseDirectory, policy.adapter), decoder);
  if (policy.lora === undefined) return undefined;
  const { rank, alpha, targets } = policy.lora;
  return { rank, alpha, targets: targets === 'all-linear' ? linearTargets(decoder) : targets };
}

/**
 * Returns the extents of a run.
 *
 * @throws UserError where prompts and completions are longer than the model's context, or the algorithm is DPO
 */
export function extentsOf(
  config: RunConfig,
  decoder: DecoderConfig,
  lora: LoraSpec | undefined,
  surroundings: Surroundings,
): RunExtents {
  const { algorithm, rollout, ppo, kl, compute } = config;
  if (algorithm === 'dpo') throw new UserError('algorithm is dpo; sizes are known for ppo only');
  const room = decoder.context - rollout.maxNewTokens;
  const { promptTokens = Math.min(usualPrompt, room), device } = surroundings;
  if (room < 1 || promptTokens > room) {
    throw new UserError(
      `rollout.maxNewTokens ${rollout.maxNewTokens} leaves ${Math.max(0, room)} of the model's ${decoder.context} tokens ` +
        `for a prompt${surroundings.promptTokens === undefined ? '' : `, not ${promptTokens}`}`,
    );
  }
  const valueHeads = ppo.advantages === 'gae' ? config.objectives.length : 0;
  return {
    device,
    lora,
    objectives: config.objectives.length,
    valueHeads,
    promptsPerStep: rollout.promptsPerStep,
    samplesPerPrompt: rollout.samplesPerPrompt,
    batch: rollout.batch,
    shards: rollout.shards,
    promptTokens,
    completionTokens: rollout.maxNewTokens,
    updates: updatesPerStep(config),
    epochs: ppo.epochs,
    reference: kl.coefficient > 0,
    regularized: (kl.coefficient > 0 && kl.in === 'loss') || config.entropyCoefficient > 0 || valueHeads > 0,
    precision: compute.precision,
    activationBudget: compute.memoryBudget * 2 ** 20,
    recompute: compute.recompute,
  };
}
