/**
 * PTX (Ouyang et al. 2022, arXiv 2203.02155): a language modelling loss on pretraining texts in addition to the rewards, to
 * reduce forgetting. At ratio 1 the surrogate has the gradient of the log-probability. With an advantage of 1 per text and
 * the policy's current log-probabilities as the old ones, gradient workers return the gradient of the mean token logprob.
 */
import { at, deriveSeed } from '@gapo/numeric';
import { drawIndices } from '@gapo/run-data';
import { createBatch, givenSample, splitEvenly } from '../../data/batch.js';
import { batchGradients } from '../../workers/gradients.js';
import { logProbsOf, type StepContext } from '../context/stepContext.js';
import { valueHeadsOf } from '../context/trainingContext.js';
import { surrogateAlone, unitTemperature } from '../updates/lossInputs.js';

/**
 * Computes the gradient of coefficient · mean log π(token) over the next texts.
 *
 * @param context of the step
 * @param ptx the options of ppo.ptx
 * @param version the policy version; determines which texts come next
 * @returns [parameters]
 * @throws RpcError, PauseNeeded as WorkerPool.run
 */
export async function pretrainingGradient(
  context: StepContext,
  { coefficient, batch: count }: { readonly coefficient: number; readonly batch: number },
  version: number,
): Promise<Float32Array> {
  const { config, gradientCall, progress, training } = context;
  const { texts } = training;
  const indices = drawIndices(texts.length, deriveSeed(config.seed, 'pretraining'), version * count, count);
  const samples = indices.map((index, prompt) => givenSample(texts.get(index), prompt, 0));
  const batch = createBatch(samples, splitEvenly(count, Math.min(count, config.rollout.shards)));
  const policy = context.policy(version);
  const heads = valueHeadsOf(config);
  const { logprobs, values } = await logProbsOf(context, { policy, batch, temperature: unitTemperature, heads });
  progress.expect(batch.shards.length);
  const { objectives } = await batchGradients(
    gradientCall,
    {
      policy,
      batch: { ...batch, logprobs },
      loss: {
        ...surrogateAlone(config.ppo.clipRange),
        denominator: batch.tokens,
        objectives: ['pretraining'],
      },
      advantages: new Float32Array(count).fill(1),
      perToken: false,
      referenceLogprobs: undefined,
      // A policy with critics needs values; with a coefficient of 0 they contribute nothing.
      oldValues: values,
      returns: values,
      parameters: training.initial.length,
    },
    () => progress.tick(),
  );
  return at(objectives, 0).map((slope) => coefficient * slope);
}
