/** What a run needs before its first step: the policy's shape and start, the tokenizer, the prompts, the reward services. */
import { resolve } from 'node:path';
import {
  initialTensors,
  flatten,
  readDecoderModel,
  Tokenizer,
  trainableTensors,
  type DecoderConfig,
  type TensorShape,
  type TrainableSpec,
} from '@gapo/model';
import type { PolicyRefInput, PolicySpecInput } from '@gapo/rpc';
import { grpcTarget } from '@gapo/settings';
import { UserError } from '@gapo/telemetry';
import type { Platform } from './platform.js';
import { readPrompts, type PromptRecord } from './prompts.js';
import { RewardSource } from './rewards.js';
import type { RunConfig } from './runConfig.js';
import type { ScoredObjective } from './scoring.js';
import { updateRule, type UpdateRule } from './update.js';
import { VersionStore } from './versions.js';

/** Everything that stays the same from a run's first step to its last. */
export interface Workbench {
  readonly config: RunConfig;
  readonly model: DecoderConfig;
  readonly tokenizer: Tokenizer;
  readonly prompts: readonly PromptRecord[];
  /** Prompts that are never trained on; undefined where the configuration names none. */
  readonly heldOut: readonly PromptRecord[] | undefined;
  /** In the order of the objectives. */
  readonly objectives: readonly ScoredObjective[];
  /** The frozen model and what is trained of it, as workers are told. */
  readonly spec: PolicySpecInput;
  /** The trained tensors, in the order of every flat vector. */
  readonly shapes: readonly TensorShape[];
  /** Version 0: the policy is the base model. */
  readonly initial: Float32Array;
  readonly rule: UpdateRule;
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
export async function prepareWorkbench(
  config: RunConfig,
  baseDirectory: string,
  platform: Platform,
  signal?: AbortSignal,
): Promise<Workbench> {
  const directory = resolve(baseDirectory, config.policy.model);
  const [decoder, tokenizer] = await Promise.all([readDecoderModel(directory), Tokenizer.read(directory)]);
  tokenizer.assertFits(decoder.config, directory);
  const encoding = { encodePrompt: (text: string) => tokenizer.encodePrompt(text), context: decoder.config.context };
  const { prompts: promptFile, heldOut: heldOutFile } = config.data;
  const prompts = await readPrompts(resolve(baseDirectory, promptFile), encoding);
  const heldOut =
    heldOutFile === undefined ? undefined : await readPrompts(resolve(baseDirectory, heldOutFile), encoding);
  const { lora } = config.policy;
  const valueHeads = valueHeadsOf(config);
  const trainable: TrainableSpec = { ...(lora && { lora }), valueHeads };
  const objectives = config.objectives.map(({ name, service, timeoutSeconds, onFailure }) => ({
    onFailure,
    source: new RewardSource({
      objective: name,
      target: rewardTarget(platform, name, service),
      timeoutMs: timeoutSeconds * 1000,
      log: platform.log,
    }),
  }));
  const bench: Workbench = {
    config,
    model: decoder.config,
    tokenizer,
    prompts,
    heldOut,
    objectives,
    spec: {
      model: directory,
      modelSha256: decoder.sha256,
      mode: lora === undefined ? 'TRAINING_MODE_FULL' : 'TRAINING_MODE_LORA',
      valueHeads,
      ...(lora && { loraRank: lora.rank, loraAlpha: lora.alpha, loraTargets: [...lora.targets] }),
    },
    shapes: trainableTensors(decoder.config, trainable),
    initial: flatten(initialTensors(decoder.config, trainable, config.seed, decoder.weights)),
    rule: updateRule(config),
  };
  try {
    await describeRewards(bench, signal);
  } catch (error) {
    closeWorkbench(bench);
    throw error;
  }
  return bench;
}

function rewardTarget({ rewards }: Platform, objective: string, service: string): string {
  const target = rewards.get(service) ?? service;
  if (grpcTarget.safeParse(target).success) return target;
  throw new UserError(
    `objective ${objective}: REWARD_SERVICES has no "${service}"; start the coordinator with ${service}=host:port in it`,
  );
}

/**
 * Asks every reward service what it is.
 *
 * @throws UserError naming the objective and the address of one that does not answer
 */
export async function describeRewards({ objectives }: Workbench, signal?: AbortSignal): Promise<void> {
  await Promise.all(objectives.map(({ source }) => source.describe(signal)));
}

/** Gives up the connections. */
export function closeWorkbench({ objectives }: Workbench): void {
  for (const { source } of objectives) source.close();
}

/** A policy version as workers are told of it. */
export function policyRef({ spec }: Workbench, key: string, version: number): PolicyRefInput {
  return { runId: key, version, spec };
}

/** A store of versions that holds version 0. */
export function startingVersions({ shapes, initial }: Workbench): VersionStore {
  const versions = new VersionStore(shapes);
  versions.put(0, initial);
  return versions;
}
