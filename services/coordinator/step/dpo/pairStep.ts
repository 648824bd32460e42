/**
 * One training step of algorithm: dpo: draw pairs, log-probabilities under the policy and its start, each objective's loss,
 * gradients, combination, update. Nothing is sampled and nothing is scored.
 */
import { objectiveNames } from '@gapo/config';
import { pairSignal } from '@gapo/objectives';
import { spanNames } from '@gapo/tracing';
import { createBatch, sumsOf, type Sample } from '../../data/batch.js';
import { drawPlaces, splitEvenly } from '../../data/prompts.js';
import type { PairRecord } from '../../data/texts.js';
import { versionOf, type TrainingState } from '../../state/trainingState.js';
import { batchLogProbs, type BatchLogProbs } from '../../workers/gradients.js';
import {
  callOf,
  Pieces,
  stopwatch,
  type StepContext,
  type StepFindings,
  type StepResult,
} from '../context/stepContext.js';
import { policyRef } from '../context/trainingContext.js';
import { noonAdvantages, type LearningSignal } from '../ppo/learningSignal.js';
import { reportOf, weightsReport } from '../stepReport.js';
import { afterRewards, combineOptions } from '../updates/combination.js';
import { makeUpdates } from '../updates/updates.js';

/** Pairs are given, not sampled: their log-probabilities are those of the model as it is. */
const unitTemperature = 1;

/**
 * Takes a step.
 *
 * @throws PauseNeeded, RpcError, the signal's reason; the state is as before
 */
export async function takePairStep(before: TrainingState, context: StepContext): Promise<StepResult> {
  const { training } = context;
  const { config } = training;
  const { dpo } = config;
  if (dpo === undefined) throw new RangeError('algorithm: dpo without its options');
  const step = before.step + 1;
  const watch = stopwatch();
  const pieces = new Pieces(context.observer);
  pieces.show();
  const names = objectiveNames(config);
  const drawn = drawPairs(training.pairs, config.seed, before.position, dpo.pairsPerStep);
  const unfilled = createBatch(samplesOf(drawn), splitEvenly(drawn.length, config.rollout.shards));
  const under = (version: number): Promise<BatchLogProbs> => {
    pieces.expect(unfilled.shards.length);
    const policy = policyRef(training, context.key, version);
    return batchLogProbs(callOf(context, step), { policy, batch: unfilled, temperature: unitTemperature }, () =>
      pieces.tick(),
    );
  };
  const version = versionOf(before);
  const [reference, current] = await watch.time('gradients', spanNames.stepLogProbs, () =>
    Promise.all([under(0), under(version)]),
  );
  const batch = { ...unfilled, logprobs: current.logprobs };
  const learned = pairSignal({
    names,
    labels: drawn.map(({ labels }) => labels),
    logprobs: sumsOf(current.logprobs, batch.lengths),
    reference: sumsOf(reference.logprobs, batch.lengths),
    beta: dpo.beta,
    labelSmoothing: dpo.labelSmoothing,
  });
  const signal: LearningSignal = { perToken: false, advantages: learned.weights, returns: undefined };
  const margins = learned.objectives.map(({ margin }) => margin);
  const combination = afterRewards(config, before.combination, margins);
  const options = combineOptions(config, {
    step,
    state: combination,
    noonAdvantages: noonAdvantages(signal, names.length, batch),
  });
  const material = {
    batch,
    signal,
    referenceLogprobs: undefined,
    oldValues: undefined,
    // Weights are a mean over pairs once they are divided by their number; no token counts by itself.
    denominator: drawn.length,
  };
  const loss = {
    clipRange: config.ppo.clipRange,
    klCoefficient: 0,
    entropyCoefficient: 0,
    valueCoefficient: 0,
    valueClip: 0,
    temperature: unitTemperature,
  };
  const updates = [{ number: 0, reported: true, material: () => material }];
  const plan = { step, updates, loss, options, combination };
  const updated = await makeUpdates(plan, before.trained, context, watch, pieces);
  const state: TrainingState = {
    step,
    position: before.position + drawn.length,
    kl: before.kl,
    combination: updated.combination,
    goalChanges: context.goalChanges,
    trained: updated.trained,
  };
  const findings: StepFindings = {
    ...reportOf(updated),
    step,
    objectives: names.map((name, k) => {
      const { margin, std, accuracy } = learned.objectives[k]!;
      const multiplier = combination.memory['multipliers']?.[k];
      return {
        name,
        rewardMean: margin,
        rewardStd: std,
        accuracy,
        ...weightsReport(updated.chosen, k),
        latencyMs: 0,
        failed: 0,
        ...(multiplier !== undefined && { multiplier }),
      };
    }),
    // No kl: completions that the policy did not sample say nothing about its divergence.
    tokens: batch.tokens,
    completionLength: batch.tokens / batch.samples.length,
    finishedFraction: 1,
    phases: watch.phases,
  };
  return { state, findings };
}

/** Both completions of each pair, one after the other. */
function samplesOf(pairs: readonly PairRecord[]): Sample[] {
  return pairs.flatMap(({ chosen, rejected }, prompt) =>
    [chosen, rejected].map(({ promptIds, completionIds }, sample) => ({
      prompt,
      sample,
      promptIds,
      tokenIds: completionIds,
      logprobs: new Float32Array(completionIds.length),
      finished: true,
    })),
  );
}

/**
 * The next pairs: at least so many, and further ones until every objective has a label among them. With the position this
 * is all that the next step needs to know.
 *
 * @param pairs with a label for every objective somewhere among them
 */
export function drawPairs(
  pairs: readonly PairRecord[],
  seed: number,
  position: number,
  count: number,
): readonly PairRecord[] {
  const longest = drawPlaces(pairs.length, seed, position, count + 2 * pairs.length).map((place) => pairs[place]!);
  const objectives = pairs[0]?.labels.length ?? 0;
  let enough = count;
  for (let k = 0; k < objectives; k++) {
    enough = Math.max(enough, 1 + longest.findIndex(({ labels }) => labels[k] !== 0));
  }
  return longest.slice(0, enough);
}
