/** What a run prepares before its first step: initial policy, tokenizer, data, reward services. */
import { resolve } from 'node:path';
import type { RunConfig } from '@gapo/config';
import {
  adapterMetadata,
  initialTensors,
  flatten,
  peftConfig,
  readDecoderModel,
  trainableTensors,
  type DecoderConfig,
  type TensorShape,
  type TrainableSpec,
} from '@gapo/model';
import type { PolicyRefInput, PolicySpecInput } from '@gapo/rpc';
import type { DataReader, PolicyTokenizer, RunData } from '@gapo/run-data';
import { RewardServices, type RewardPlatform } from '../../scoring/rewardServices.js';
import type { ScoredObjective } from '../../scoring/scoring.js';
import type { AdapterFiles } from '../../state/checkpoint.js';
import type { RunInputs } from '../../state/runInputs.js';
import { versionOf, type TrainingState } from '../../state/trainingState.js';
import { VersionStore } from '../../state/versions.js';
import { conditioningOf, type Conditioning } from './conditioning.js';
import { inputsOf } from './inputs.js';
import { startingAdapter } from './startingAdapter.js';

/** The context of a run. Only its goals change between steps. */
export interface TrainingContext extends RunData {
  readonly config: RunConfig;
  readonly model: DecoderConfig;
  /** Decodes the policy's tokens. */
  readonly tokens: PolicyTokenizer;
  /** Adds the preference to prompts; undefined if the policy is not conditioned on it. */
  readonly conditioning: Conditioning | undefined;
  readonly rewards: RewardServices;
  /** Objectives with their reward services, in order. With algorithm: dpo, those without a service are omitted. */
  readonly objectives: readonly ScoredObjective[];
  /** The frozen model and its trainable part, as sent to workers. */
  readonly spec: PolicySpecInput;
  /** The trained tensors, in the order of every flat vector. */
  readonly shapes: readonly TensorShape[];
  /** The adapter's files other than its tensors; undefined if all weights are trained. */
  readonly adapter: AdapterFiles | undefined;
  /** Version 0 of the trained parameters, flat. */
  readonly initial: Float32Array;
  /** The files from which all of this was read. */
  readonly inputs: RunInputs;
}

/** Returns the number of value heads: with GAE one critic per objective, otherwise 0. */
export function valueHeadsOf(config: RunConfig): number {
  return config.ppo.advantages === 'gae' ? config.objectives.length : 0;
}

/**
 * Reads and validates everything that a run needs, apart from its reward services. It writes nothing.
 *
 * @param baseDirectory base directory for relative paths in the configuration
 * @param created when the run was created; its chat template renders this time
 * @throws ModelError, UserError naming the invalid file or the service without an address, and what to do
 */
export async function prepareTraining(
  config: RunConfig,
  baseDirectory: string,
  platform: RewardPlatform & { readonly data: DataReader },
  created: Date,
  signal?: AbortSignal,
): Promise<TrainingContext> {
  const directory = resolve(baseDirectory, config.policy.model);
  // Reads are sequential, so that a configuration with several mistakes always gives the same error.
  const { ignoreKeys = [] } = config.policy;
  const decoder = await readDecoderModel(directory, { ignoreKeys });
  for (const note of decoder.notes) platform.log.warn({ model: directory }, note);
  const reading = { ignoreKeys, template: { variables: config.policy.chatTemplateKwargs, now: created } };
  const tokenizer = { directory, options: reading };
  const data = await platform.data.read({ config, baseDirectory, tokenizer, decoder: decoder.config }, signal);
  for (const { key, file, rows, dropped, truncated } of data.files) {
    const overlong =
      dropped + truncated === 0 ? '' : `; too long: ${dropped} left out, ${truncated} truncated from the left`;
    platform.log.info({ file, rows, dropped, truncated }, `data.${key}: ${rows} rows of ${file}${overlong}`);
  }
  const tokens = platform.data.tokenizer(tokenizer);
  const start = await startingAdapter(config, decoder, baseDirectory);
  const lora = start?.lora;
  const valueHeads = valueHeadsOf(config);
  const trainable: TrainableSpec = { ...(lora && { lora }), valueHeads };
  const shapes = trainableTensors(decoder.config, trainable);
  const base = start ? new Map(start.tensors.map((tensor) => [tensor.name, tensor])) : decoder.weights;
  const rewards = new RewardServices(platform);
  return {
    config,
    model: decoder.config,
    tokens,
    conditioning: conditioningOf(config, decoder.config, tokens),
    ...data,
    rewards,
    objectives: rewards.ofConfig(config),
    spec: {
      model: directory,
      modelSha256: decoder.sha256,
      ignoreKeys: [...ignoreKeys],
      mode: lora === undefined ? 'TRAINING_MODE_FULL' : 'TRAINING_MODE_LORA',
      valueHeads,
      ...(lora && {
        loraRank: lora.rank,
        loraAlpha: lora.alpha,
        loraTargets: [...lora.targets],
        loraExceptions: [...(lora.exceptions ?? [])],
      }),
      computation: {
        precision: config.compute.precision === 'float16' ? 'PRECISION_F16' : 'PRECISION_F32',
        memoryBudget: config.compute.memoryBudget,
        recompute: config.compute.recompute,
      },
    },
    shapes,
    adapter: lora && {
      config: peftConfig(decoder.config, lora, config.policy.model),
      metadata: adapterMetadata(decoder.sha256),
    },
    initial: flatten(initialTensors(decoder.config, trainable, config.seed, base)),
    inputs: await inputsOf(decoder, start, data.files),
  };
}

/** Returns the same context with the goals of another step. */
export function trainingWith(training: TrainingContext, config: RunConfig): TrainingContext {
  return { ...training, config, objectives: training.rewards.ofConfig(config) };
}

/** Returns the reference with which workers pull a policy version. */
export function policyRef({ spec }: TrainingContext, key: string, version: number): PolicyRefInput {
  return { runId: key, version, spec };
}

/** Creates a version store with version 0, the latest version, and the earlier versions that later steps are sampled from. */
export function startingVersions({ shapes, initial }: TrainingContext, state: TrainingState): VersionStore {
  const versions = new VersionStore(shapes);
  versions.put(0, initial);
  for (const { version, parameters } of state.earlier) versions.put(version, parameters);
  if (versionOf(state) > 0) versions.put(versionOf(state), state.trained.parameters);
  return versions;
}
