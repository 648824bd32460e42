/**
 * Direct preference optimization as a step strategy: draws pairs, computes their log-probabilities under the policy and the
 * reference, and derives each objective's loss. Needs neither rollout workers nor reward services.
 */
import { objectiveNames } from '@gapo/config';
import { required } from '@gapo/numeric';
import { pairSignal } from '@gapo/objectives';
import { drawnIndices, type PairRecord, type RecordList } from '@gapo/run-data';
import { spanNames } from '@gapo/tracing';
import { createBatch, givenSample, splitEvenly, sumsOf } from '../../data/batch.js';
import type { BatchLogProbs } from '../../workers/gradients.js';
import { logProbsOf, type StepContext } from '../context/stepContext.js';
import { afterRewards } from '../updates/combination.js';
import { surrogateAlone, unitTemperature, type LossInputs } from '../updates/lossInputs.js';
import type { StepLearning } from '../updates/stepStrategy.js';

/** Learns from preference pairs. */
export async function learnFromPairs(context: StepContext): Promise<StepLearning> {
  const { before, clock, config, policy, progress, training, version } = context;
  const dpo = required(config.dpo, 'the options of algorithm: dpo');
  progress.show();
  const drawn = drawPairs(training.pairs, config.seed, before.position, dpo.pairsPerStep);
  const samples = drawn.flatMap(({ chosen, rejected }, pair) =>
    [chosen, rejected].map((completion, i) => givenSample(completion, pair, i)),
  );
  const given = createBatch(samples, splitEvenly(drawn.length, config.rollout.shards));
  const under = (of: number): Promise<BatchLogProbs> =>
    logProbsOf(context, { policy: policy(of), batch: given, temperature: unitTemperature });
  const [reference, current] = await clock.time('gradients', spanNames.stepLogProbs, () =>
    Promise.all([under(0), under(version)]),
  );
  const { weights, objectives } = pairSignal({
    names: objectiveNames(config),
    labels: drawn.map(({ labels }) => labels),
    logprobs: sumsOf(current.logprobs, given.lengths),
    reference: sumsOf(reference.logprobs, given.lengths),
    beta: dpo.beta,
    labelSmoothing: dpo.labelSmoothing,
  });
  const inputs: LossInputs = {
    batch: { ...given, logprobs: current.logprobs },
    signal: { perToken: false, advantages: weights, returns: undefined },
    referenceLogprobs: undefined,
    oldValues: undefined,
    // The loss is a mean over pairs, not over tokens.
    denominator: drawn.length,
  };
  return {
    drawn: drawn.length,
    inputs,
    loss: surrogateAlone(config.ppo.clipRange),
    updates: [{ reported: true, inputs: () => inputs }],
    objectives: objectives.map(({ margin, std, accuracy }) => {
      return { rewardMean: margin, rewardStd: std, accuracy, latencyMs: 0, failed: 0 };
    }),
    combination: afterRewards(
      config,
      before.combination,
      objectives.map(({ margin }) => margin),
      context.step,
    ),
    losses: objectives.map(({ loss }) => loss),
    kl: before.kl,
    // KL cannot be estimated from completions that the policy did not sample.
    klPerToken: undefined,
    offPolicy: undefined,
    samplerGap: undefined,
    samples: undefined,
  };
}

/**
 * Draws the next pairs: at least `count`, and more until every objective has a label.
 *
 * @param pairs among which every objective has a label
 */
export function drawPairs(
  pairs: RecordList<PairRecord>,
  seed: number,
  position: number,
  count: number,
): readonly PairRecord[] {
  const drawn: PairRecord[] = [];
  const unlabelled = new Set<number>(pairs.get(0).labels.keys());
  for (const index of drawnIndices(pairs.length, seed, position)) {
    const pair = pairs.get(index);
    drawn.push(pair);
    for (const k of unlabelled) if (pair.labels[k] !== 0) unlabelled.delete(k);
    if (drawn.length >= count && unlabelled.size === 0) return drawn;
  }
  return drawn;
}
