/** PPO as a step strategy: draws prompts, samples, scores, derives advantages, and plans the minibatches of each epoch. */
import { objectiveNames } from '@gapo/config';
import { at, mean, required } from '@gapo/numeric';
import { combinerOf, tokenKl, updateKlController } from '@gapo/objectives';
import { spanNames } from '@gapo/tracing';
import { groupsOf, sumsOf, type Batch, type Ranges } from '../../data/batch.js';
import type { ScoredBatch } from '../../scoring/scoring.js';
import type { CombinationState } from '../../state/trainingState.js';
import { preferenceOf } from '../context/conditioning.js';
import type { StepContext } from '../context/stepContext.js';
import { afterRewards, sharesOf } from '../updates/combination.js';
import type { LearningSignal, LossInputs } from '../updates/lossInputs.js';
import type { ObjectiveFindings, StepLearning } from '../updates/stepStrategy.js';
import type { PlannedUpdate } from '../updates/updates.js';
import { gatherExperience, type Experience } from './experience.js';
import { keptSamples } from './keptSamples.js';
import { advantageColumns, learningSignal, signalOf, type SignalInput } from './learningSignal.js';
import { minibatch, minibatchIndices } from './minibatches.js';
import { decoupled, measuresSampler, offPolicyOf } from './offPolicy.js';
import { pretrainingGradient } from './pretraining.js';
import { rewardsOf, type Rewards } from './rewards.js';

/** Learns from the rewards of completions. */
export async function learnFromRewards(context: StepContext): Promise<StepLearning> {
  const { before, clock, config, version } = context;
  const experience = await gatherExperience(context);
  const { batch, bounds, scored, reference, current, samplerGap, sampledVersion } = experience;
  const measured = measuresSampler(config) ? required(current, 'log-probabilities of the batch').logprobs : undefined;
  const { importanceCap } = config.ppo;
  const preferences = preferencesOf(experience);
  const { surrogate, combination, samples } = await clock.time('gradients', spanNames.stepAdvantages, () => {
    const { signal, combination } = advantages(context, experience, preferences, measured);
    const plain = { batch, signal };
    const surrogate = measured && importanceCap !== undefined ? decoupled(plain, measured, importanceCap) : plain;
    return { surrogate, combination, samples: keptSamples(context, experience, signal) };
  });
  const klCoefficient = config.kl.in === 'loss' ? before.kl.coefficient : 0;
  const inputs: LossInputs = {
    ...surrogate,
    referenceLogprobs: klCoefficient > 0 ? reference?.logprobs : undefined,
    oldValues: current?.values,
    denominator: batch.tokens,
  };
  const kl = reference && divergence(batch, reference.logprobs);
  return {
    drawn: config.rollout.promptsPerStep,
    inputs,
    loss: {
      clipRange: config.ppo.clipRange,
      klCoefficient,
      entropyCoefficient: config.entropyCoefficient,
      valueCoefficient: config.ppo.gae?.valueCoefficient ?? 0,
      valueClip: config.ppo.gae?.valueClip ?? 0,
      temperature: config.rollout.temperature,
    },
    updates: plannedUpdates(context, inputs, bounds),
    objectives: objectiveFindings(scored),
    combination,
    losses: [],
    preference: preferences && meanOf(preferences),
    kl: kl === undefined ? before.kl : updateKlController(before.kl, kl.perCompletion, batch.samples.length),
    klPerToken: kl?.perToken,
    offPolicy: measured && offPolicyOf(batch, measured, version - sampledVersion),
    samplerGap,
    samples,
  };
}

/**
 * Estimates advantages and updates the combination's state with the rewards, which may affect how advantages are summed.
 *
 * @param preferences λ of each completion, if the policy is conditioned on it
 * @param measured log-probabilities of the policy at the start of the step, [tokens]; undefined if it is the one that
 * sampled
 */
function advantages(
  { before, config, step }: StepContext,
  { batch, samples, used, scored, reference, current }: Experience,
  preferences: Preferences | undefined,
  measured = batch.logprobs,
): { signal: LearningSignal; combination: CombinationState } {
  const inReward = config.kl.in === 'reward' && reference !== undefined;
  const { over } = combinerOf(config.combine.method);
  const ofAll = rewardsOf(config, step, samples, scored.objectives);
  const rewards = ofAll.map((own, k) =>
    Float64Array.from(used, (i) => required(at(own, i), `the reward of ${at(config.objectives, k).name}`)),
  );
  const input: SignalInput = {
    names: objectiveNames(config),
    batch,
    rewards,
    ppo: config.ppo,
    klInReward: inReward
      ? { coefficient: before.kl.coefficient, k1: tokenKl('k1', measured, reference.logprobs) }
      : undefined,
    values: current?.values,
    preferences,
    scalar: over && { over, whiten: config.combine.method === 'gdpo' && config.combine.whiten },
  };
  const estimated = advantageColumns(input);
  const groups = groupsOf(batch);
  const combination = afterRewards(config, before.combination, meanRewards(ofAll), step, (weights) => ({
    rewards,
    groups,
    signal: signalOf(estimated, weights),
  }));
  return { signal: learningSignal(input, sharesOf(config, step, combination.memory), estimated), combination };
}

/** λ of each completion, [completions, K]. */
type Preferences = readonly (readonly number[])[];

/** Returns the preference stated in each completion's prompt; undefined if there is none. */
function preferencesOf({ batch, levels }: Pick<Experience, 'batch' | 'levels'>): Preferences | undefined {
  return levels && batch.samples.map(({ prompt }) => preferenceOf(at(levels, prompt)));
}

function meanOf(preferences: Preferences): Float64Array {
  return Float64Array.from(at(preferences, 0), (_, k) => mean(preferences.map((of) => at(of, k))));
}

/** Returns the mean reward of each objective over all completions that it scored. */
function meanRewards(rewards: readonly Rewards[]): number[] {
  return rewards.map((own) => mean(own.filter((reward) => reward !== undefined)));
}

/** Plans one update per minibatch of each epoch. */
function plannedUpdates(context: StepContext, inputs: LossInputs, bounds: Ranges): readonly PlannedUpdate[] {
  const { config, step } = context;
  const { epochs, minibatches, ptx } = config.ppo;
  const extra = ptx && ((version: number) => pretrainingGradient(context, ptx, version));
  return Array.from({ length: epochs }, (_, epoch) => {
    const split = minibatchIndices(inputs.batch.samples.length, minibatches, config.seed, step, epoch);
    return split.map((indices) => ({
      reported: epoch === epochs - 1,
      inputs: () => (minibatches === 1 ? inputs : minibatch(inputs, indices, bounds)),
      ...(extra && { extra }),
    }));
  }).flat();
}

/** Estimates the KL divergence of the sampling policy from the reference on the sampled tokens. */
function divergence(
  { logprobs, lengths, tokens, samples }: Batch,
  reference: Float32Array,
): { perToken: number; perCompletion: number } {
  const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);
  return {
    perToken: sum(tokenKl('k2', logprobs, reference)) / tokens,
    // Unbiased, as the controller requires; the mean of a batch may be slightly negative.
    perCompletion: sum(sumsOf(tokenKl('k1', logprobs, reference), lengths)) / samples.length,
  };
}

function objectiveFindings({ objectives }: ScoredBatch): ObjectiveFindings[] {
  return objectives.map(({ objective, mean, std, latencyMs, failures, outliers }) => {
    if (mean === undefined || std === undefined) throw new RangeError(`objective ${objective} has no scores to report`);
    return { rewardMean: mean, rewardStd: std, latencyMs, failed: failures.length, outliers: outliers.length };
  });
}
