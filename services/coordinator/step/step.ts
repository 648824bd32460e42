/**
 * One training step: draw prompts, sample, score, advantages, gradients, combination, update. A function from the state
 * before to the state after; what fails in between leaves the state before as it was.
 */
import { objectiveNames } from '@gapo/config';
import { tokenKl, updateKlController } from '@gapo/objectives';
import type { ObjectiveReport } from '@gapo/rpc';
import { spanNames } from '@gapo/tracing';
import { sumsOf, type Batch } from '../data/batch.js';
import { drawPrompts, splitEvenly } from '../data/prompts.js';
import type { ObjectiveScores, ScoredBatch } from '../scoring/scoring.js';
import type { TrainingState } from '../state/trainingState.js';
import { Pieces, stopwatch, type StepContext, type StepFindings, type StepResult } from './context/stepContext.js';
import { gatherExperience, type Experience } from './ppo/experience.js';
import { learningSignal, noonAdvantages, type LearningSignal } from './ppo/learningSignal.js';
import { minibatch, minibatchPlaces } from './ppo/minibatches.js';
import { pretrainingGradient } from './ppo/pretraining.js';
import { reportOf, weightsReport } from './stepReport.js';
import { afterRewards, combineOptions } from './updates/combination.js';
import { makeUpdates, type LossInputs, type PlannedUpdate, type Updated } from './updates/updates.js';

/**
 * Takes a step.
 *
 * @throws PauseNeeded, RunFailure, RpcError, the signal's reason; the state is as before
 */
export async function takeStep(before: TrainingState, context: StepContext): Promise<StepResult> {
  const { training } = context;
  const { config } = training;
  const step = before.step + 1;
  const watch = stopwatch();
  const drawn = drawPrompts(training.prompts, config.seed, before.position, config.rollout.promptsPerStep);
  const bounds = splitEvenly(drawn.length, config.rollout.shards);
  const pieces = new Pieces(context.observer);
  const experience = await gatherExperience(before, context, { drawn, bounds }, watch, pieces);
  const { batch, scored, reference, current } = experience;
  const signal = await watch.time('gradients', spanNames.stepAdvantages, () => advantages(before, context, experience));
  const means = rewardMeans(scored);
  const combination = afterRewards(config, before.combination, means);
  const names = objectiveNames(config);
  const options = combineOptions(config, {
    step,
    state: combination,
    noonAdvantages: noonAdvantages(signal, names.length, batch),
  });
  const klCoefficient = config.kl.in === 'loss' ? before.kl.coefficient : 0;
  const material: LossInputs = {
    batch,
    signal,
    referenceLogprobs: klCoefficient > 0 ? reference?.logprobs : undefined,
    oldValues: current?.values,
    denominator: batch.tokens,
  };
  const loss = {
    clipRange: config.ppo.clipRange,
    klCoefficient,
    entropyCoefficient: config.entropyCoefficient,
    valueCoefficient: config.ppo.gae?.valueCoefficient ?? 0,
    valueClip: config.ppo.gae?.valueClip ?? 0,
    temperature: config.rollout.temperature,
  };
  const updates = plannedUpdates(context, step, material, bounds, pieces);
  const updated = await makeUpdates(
    { step, updates, loss, options, combination },
    before.trained,
    context,
    watch,
    pieces,
  );

  const kl = klOf(batch, reference?.logprobs);
  const state: TrainingState = {
    step,
    position: before.position + drawn.length,
    kl: kl === undefined ? before.kl : updateKlController(before.kl, kl.perCompletion, batch.samples.length),
    combination: updated.combination,
    goalChanges: context.goalChanges,
    trained: updated.trained,
  };
  const findings: StepFindings = {
    ...reportOf(updated),
    step,
    objectives: objectiveReports(context, scored, updated),
    ...(kl !== undefined && { kl: kl.perToken }),
    tokens: batch.tokens,
    completionLength: batch.tokens / batch.samples.length,
    finishedFraction: batch.samples.filter(({ finished }) => finished).length / batch.samples.length,
    phases: watch.phases,
  };
  return { state, findings };
}

/** The updates of a step: each epoch's minibatches, in their order. */
function plannedUpdates(
  context: StepContext,
  step: number,
  material: LossInputs,
  bounds: readonly (readonly [number, number])[],
  pieces: Pieces,
): readonly PlannedUpdate[] {
  const { training } = context;
  const { seed, ppo } = training.config;
  const { epochs, minibatches, ptx } = ppo;
  const count = training.config.objectives.length;
  return Array.from({ length: epochs }, (_, epoch) => {
    const split = minibatchPlaces(material.batch.samples.length, minibatches, seed, step, epoch);
    return split.map((places, i) => ({
      number: epoch * minibatches + i,
      reported: epoch === epochs - 1,
      material: () => (minibatches === 1 ? material : minibatch(material, count, places, bounds)),
      ...(ptx && {
        extra: (version: number) => pretrainingGradient(ptx, training.texts, step, version, context, pieces),
      }),
    }));
  }).flat();
}

/** The mean reward of each objective. */
function rewardMeans({ objectives }: ScoredBatch): number[] {
  return objectives.map(({ objective, mean }) => {
    if (mean === undefined) throw new RangeError(`objective ${objective} has no scores to report`);
    return mean;
  });
}

function advantages(
  before: TrainingState,
  { training }: StepContext,
  { batch, scores, reference, current }: Experience,
): LearningSignal {
  const { config } = training;
  const inReward = config.kl.in === 'reward' && reference !== undefined;
  return learningSignal({
    names: objectiveNames(config),
    batch,
    scores,
    ppo: config.ppo,
    klInReward: inReward
      ? { coefficient: before.kl.coefficient, k1: tokenKl('k1', batch.logprobs, reference.logprobs) }
      : undefined,
    values: current?.values,
  });
}

/** The divergence of the sampling policy from the reference, from the tokens that it drew. */
function klOf(
  { logprobs, lengths, tokens, samples }: Batch,
  reference: Float32Array | undefined,
): { perToken: number; perCompletion: number } | undefined {
  if (reference === undefined) return undefined;
  const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);
  return {
    perToken: sum(tokenKl('k2', logprobs, reference)) / tokens,
    // Unbiased, as the controller needs it: a batch's mean may be a little under 0.
    perCompletion: sum(sumsOf(tokenKl('k1', logprobs, reference), lengths)) / samples.length,
  };
}

function objectiveReports(
  { training }: StepContext,
  scored: ScoredBatch,
  { chosen, combination }: Updated,
): ObjectiveReport[] {
  return training.config.objectives.map(({ name }, k) => {
    const { mean, std, latencyMs, failures }: ObjectiveScores = scored.objectives[k]!;
    if (mean === undefined || std === undefined) throw new RangeError(`objective ${name} has no scores to report`);
    const multiplier = combination.memory['multipliers']?.[k];
    return {
      name,
      rewardMean: mean,
      rewardStd: std,
      ...weightsReport(chosen, k),
      latencyMs,
      failed: failures.length,
      ...(multiplier !== undefined && { multiplier }),
    };
  });
}
