/** What a run needs before its first step: the policy's shape and start, the tokenizer, the prompts, the reward services. */
import { resolve } from 'node:path';
import { objectiveNames, type RunConfig } from '@gapo/config';
import {
  adapterMetadata,
  initialTensors,
  flatten,
  peftConfig,
  readDecoderModel,
  TextCodec,
  Tokenizer,
  trainableTensors,
  type DecoderConfig,
  type TensorShape,
  type TokenSequence,
  type TrainableSpec,
} from '@gapo/model';
import type { PolicyRefInput, PolicySpecInput } from '@gapo/rpc';
import { readPrompts, type PromptRecord } from '../../data/prompts.js';
import { readPairs, readTexts, type PairRecord } from '../../data/texts.js';
import { describeRewards, needsRewards, RewardServices, type RewardPlatform } from '../../scoring/rewardServices.js';
import type { ScoredObjective } from '../../scoring/scoring.js';
import type { AdapterFiles } from '../../state/checkpoint.js';
import { versionOf, type TrainingState } from '../../state/trainingState.js';
import { VersionStore } from '../../state/versions.js';
import { startingAdapter } from './startingAdapter.js';

/** Everything that a run works with: the same from its first step to its last, but for what it aims at. */
export interface TrainingContext {
  readonly config: RunConfig;
  readonly model: DecoderConfig;
  readonly tokenizer: Tokenizer;
  readonly prompts: readonly PromptRecord[];
  /** Texts of ppo.ptx; none without it. */
  readonly texts: readonly TokenSequence[];
  /** Pairs of algorithm: dpo; none otherwise. */
  readonly pairs: readonly PairRecord[];
  /** Prompts that are never trained on; undefined where the configuration names none. */
  readonly heldOut: readonly PromptRecord[] | undefined;
  readonly rewards: RewardServices;
  /** In the order of the objectives; with algorithm: dpo those alone that have a reward service, for evaluations. */
  readonly objectives: readonly ScoredObjective[];
  /** The frozen model and what is trained of it, as workers are told. */
  readonly spec: PolicySpecInput;
  /** The trained tensors, in the order of every flat vector. */
  readonly shapes: readonly TensorShape[];
  /** The adapter's files beside its tensors; undefined where every weight is trained. */
  readonly adapter: AdapterFiles | undefined;
  /** Version 0: the base model, with the adapter that the run starts from. */
  readonly initial: Float32Array;
}

/** Value heads of a run: one critic for each objective with GAE. */
export function valueHeadsOf(config: RunConfig): number {
  return config.ppo.advantages === 'gae' ? config.objectives.length : 0;
}

/**
 * Reads and checks everything; nothing is written.
 *
 * @param baseDirectory where the configuration's relative paths start
 * @throws ModelError, UserError that say which file or service is wrong, and what to do
 */
export async function prepareTraining(
  config: RunConfig,
  baseDirectory: string,
  platform: RewardPlatform,
  signal?: AbortSignal,
): Promise<TrainingContext> {
  const directory = resolve(baseDirectory, config.policy.model);
  // One after the other here and below: of several things that are wrong it is always the same one that is named.
  const decoder = await readDecoderModel(directory);
  const tokenizer = await Tokenizer.read(directory);
  tokenizer.assertFits(decoder.config, directory);
  const codec = TextCodec.of(tokenizer, decoder.config);
  const { data } = config;
  const read = <T>(
    file: string | undefined,
    reader: (path: string) => Promise<readonly T[]>,
  ): Promise<readonly T[]> | undefined => (file === undefined ? undefined : reader(resolve(baseDirectory, file)));
  const names = objectiveNames(config);
  const prompts = (await read(data.prompts, (path) => readPrompts(path, codec))) ?? [];
  const heldOut = await read(data.heldOut, (path) => readPrompts(path, codec));
  const pairs = (await read(data.pairs, (path) => readPairs(path, names, codec))) ?? [];
  const pretraining = (await read(data.pretraining, (path) => readTexts(path, codec))) ?? [];
  const start = await startingAdapter(config, decoder, baseDirectory);
  const lora = start?.lora;
  const valueHeads = valueHeadsOf(config);
  const trainable: TrainableSpec = { ...(lora && { lora }), valueHeads };
  const shapes = trainableTensors(decoder.config, trainable);
  const base = start ? new Map(start.tensors.map((tensor) => [tensor.name, tensor])) : decoder.weights;
  const rewards = new RewardServices(platform);
  const training: TrainingContext = {
    config,
    model: decoder.config,
    tokenizer,
    prompts,
    texts: pretraining,
    pairs,
    heldOut,
    rewards,
    objectives: rewards.ofConfig(config),
    spec: {
      model: directory,
      modelSha256: decoder.sha256,
      mode: lora === undefined ? 'TRAINING_MODE_FULL' : 'TRAINING_MODE_LORA',
      valueHeads,
      ...(lora && { loraRank: lora.rank, loraAlpha: lora.alpha, loraTargets: [...lora.targets] }),
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
  };
  try {
    if (needsRewards(config)) await describeRewards(training.objectives, signal);
  } catch (error) {
    rewards.close();
    throw error;
  }
  return training;
}

/** The workbench with the objectives and the preference of another step: everything else stays the same. */
export function trainingWith(training: TrainingContext, config: RunConfig): TrainingContext {
  return { ...training, config, objectives: training.rewards.ofConfig(config) };
}

/** A policy version as workers are told of it. */
export function policyRef({ spec }: TrainingContext, key: string, version: number): PolicyRefInput {
  return { runId: key, version, spec };
}

/** Creates a store of versions that holds version 0 and the newest one. */
export function startingVersions({ shapes, initial }: TrainingContext, state: TrainingState): VersionStore {
  const versions = new VersionStore(shapes);
  versions.put(0, initial);
  if (versionOf(state) > 0) versions.put(versionOf(state), state.trained.parameters);
  return versions;
}
