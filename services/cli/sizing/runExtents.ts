/** The extents of a run, from which `gapo plan` computes memory and operations. */
import { resolve } from 'node:path';
import { stalenessOf, updatesPerStep, type RunConfig } from '@gapo/config';
import {
  linearTargets,
  readLora,
  type DecoderConfig,
  type EngineExtents,
  type LoraSpec,
  type RunExtents,
} from '@gapo/model';
import { UserError } from '@gapo/service';

/** Assumptions that the configuration does not contain. */
export interface Assumptions {
  readonly device: RunExtents['device'];
  readonly engines: EngineExtents;
  /** Tokens of a prompt. @default 256, or as many as the context leaves room for */
  readonly promptTokens: number | undefined;
}

/** The default number of prompt tokens. */
const defaultPromptTokens = 256;

/**
 * Returns the adapters that a run trains; undefined if it trains every weight.
 *
 * @throws ModelError if the adapter that it starts from cannot be read
 */
export async function loraOf(
  { policy }: RunConfig,
  decoder: DecoderConfig,
  baseDirectory: string,
): Promise<LoraSpec | undefined> {
  if (policy.adapter !== undefined) {
    const model = { directory: resolve(baseDirectory, policy.model), config: decoder };
    return readLora(resolve(baseDirectory, policy.adapter), model, policy);
  }
  if (policy.lora === undefined) return undefined;
  const { rank, alpha, targets } = policy.lora;
  return { rank, alpha, targets: targets === 'all-linear' ? linearTargets(decoder) : targets };
}

/**
 * Returns the extents of a run.
 *
 * @throws UserError if a prompt and a completion do not fit the model's context, or the algorithm is DPO
 */
export function extentsOf(
  config: RunConfig,
  decoder: DecoderConfig,
  lora: LoraSpec | undefined,
  assumptions: Assumptions,
): RunExtents {
  const { algorithm, rollout, ppo, kl, compute } = config;
  if (algorithm === 'dpo') throw new UserError('algorithm is dpo: only ppo runs can be planned');
  const room = decoder.context - rollout.maxNewTokens;
  const { promptTokens = Math.min(defaultPromptTokens, room), device, engines } = assumptions;
  if (room < 1 || promptTokens > room) {
    throw new UserError(
      `rollout.maxNewTokens ${rollout.maxNewTokens} leaves ${Math.max(0, room)} of the model's ${decoder.context} tokens ` +
        `for a prompt${assumptions.promptTokens === undefined ? '' : `, not ${promptTokens}`}`,
    );
  }
  const valueHeads = ppo.advantages === 'gae' ? config.objectives.length : 0;
  return {
    engines,
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
    staleness: stalenessOf(config),
    current: valueHeads > 0 || stalenessOf(config) > 0 || ppo.importanceCap !== undefined,
    reference: kl.coefficient > 0,
    regularized: (kl.coefficient > 0 && kl.in === 'loss') || config.entropyCoefficient > 0 || valueHeads > 0,
    precision: compute.precision,
    activationBudget: compute.memoryBudget * 2 ** 20,
    recompute: compute.recompute,
  };
}
