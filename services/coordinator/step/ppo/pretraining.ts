/**
 * PTX (Ouyang et al. 2022, arXiv 2203.02155): language modelling on texts beside the rewards, so that the policy keeps what
 * it knew. The gradient service differentiates a surrogate at ratio 1, which is the log-probability: with an advantage of 1
 * for every text and the policy's own log-probabilities as the old ones, what it returns is the gradient of the mean
 * log-probability of a token.
 */
import type { TokenSequence } from '@gapo/model';
import { deriveSeed } from '@gapo/numeric';
import { createBatch } from '../../data/batch.js';
import { drawPlaces, splitEvenly } from '../../data/prompts.js';
import { batchGradients, batchLogProbs } from '../../workers/gradients.js';
import { callOf, type Pieces, type StepContext } from '../context/stepContext.js';
import { policyRef, valueHeadsOf } from '../context/trainingContext.js';

/** The temperature of language modelling, whatever completions are sampled with. */
const unitTemperature = 1;

/**
 * The gradient of coefficient · mean log π(token) over the next texts: which ones, the version tells.
 *
 * @param ptx the configuration's
 * @throws RpcError, PauseNeeded as WorkerPool.run
 */
export async function pretrainingGradient(
  { coefficient, batch: count }: { readonly coefficient: number; readonly batch: number },
  texts: readonly TokenSequence[],
  step: number,
  version: number,
  context: StepContext,
  pieces: Pieces,
): Promise<Float32Array> {
  const { training, key } = context;
  const { config } = training;
  const places = drawPlaces(texts.length, deriveSeed(config.seed, 'pretraining'), version * count, count);
  const samples = places.map((place, prompt) => {
    const { promptIds, completionIds } = texts[place]!;
    const logprobs = new Float32Array(completionIds.length);
    return { prompt, sample: 0, promptIds, tokenIds: completionIds, logprobs, finished: true };
  });
  const batch = createBatch(samples, splitEvenly(count, Math.min(count, config.rollout.shards)));
  pieces.expect(2 * batch.shards.length);
  const call = callOf(context, step);
  const policy = policyRef(training, key, version);
  const tick = (): void => pieces.tick();
  const { logprobs, values } = await batchLogProbs(
    call,
    { policy, batch, temperature: unitTemperature, heads: valueHeadsOf(config) },
    tick,
  );
  const { objectives } = await batchGradients(
    call,
    {
      policy,
      batch: { ...batch, logprobs },
      loss: {
        clipRange: config.ppo.clipRange,
        klCoefficient: 0,
        entropyCoefficient: 0,
        valueCoefficient: 0,
        valueClip: 0,
        denominator: batch.tokens,
        objectives: ['pretraining'],
        temperature: unitTemperature,
      },
      advantages: new Float32Array(count).fill(1),
      perToken: false,
      referenceLogprobs: undefined,
      // A policy with critics is differentiated with values; at a coefficient of 0 they count for nothing.
      oldValues: values,
      returns: values,
      parameters: training.initial.length,
    },
    tick,
  );
  return objectives[0]!.map((slope) => coefficient * slope);
}
