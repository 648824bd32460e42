/** The policy: pretrained on text of the example's world, then fine-tuned on requests with good and bad answers. */
import { type NamedTensor, type Tokenizer, llamaConfig, randomDecoder } from '@gapo/model';
import { type Sequence, SupervisedEngine } from '@gapo/policy';
import { pretrainingText, sftExamples } from '../language/corpus.js';
import { completionText } from '../language/template.js';
import { train } from './loop.js';
import { fineTuning, policyShape, pretraining, seed, withVocabulary } from './settings.js';

/** A trained policy. */
export interface PolicyResult {
  readonly tensors: readonly NamedTensor[];
  /** Mean negative log-likelihood in nats per token: of the last pretraining steps, of the last fine-tuning steps, and held-out. */
  readonly losses: { readonly pretraining: number; readonly fineTuning: number; readonly heldOut: number };
}

/** Trains the policy from scratch on a share of the examples. */
export async function trainPolicy(
  tokenizer: Tokenizer,
  options: { readonly threads: number; readonly share: number; readonly report: (line: string) => void },
): Promise<PolicyResult> {
  const { threads, share, report } = options;
  const config = llamaConfig(withVocabulary(policyShape, tokenizer.size));
  const engine = await SupervisedEngine.open(config, { valueHeads: 0 }, new Map(), { threads });
  const tensors = randomDecoder(config, seed);
  const texts = pretrainingText(seed, Math.ceil(pretraining.examples * share));
  const common = {
    seed,
    lengthOf: ({ promptIds, completionIds }: Sequence) => promptIds.length + completionIds.length,
    compute: async (values: readonly NamedTensor[], batch: readonly Sequence[]) => {
      const { loss, tokens: weight, gradients } = await engine.compute(values, batch);
      return { loss, weight, gradients };
    },
    report,
  };
  const whole = (ids: readonly number[]): Sequence => ({ promptIds: ids.slice(0, 1), completionIds: ids.slice(1) });
  const pretrained = await train(tensors, {
    ...common,
    name: 'pretraining',
    settings: pretraining,
    examples: (await tokenizer.encodeAll(texts)).map(whole),
  });
  const answered = async ({ prompt, completion }: { prompt: string; completion: string }): Promise<Sequence> => ({
    promptIds: await tokenizer.encodePrompt(prompt),
    completionIds: await tokenizer.encode(completionText(completion)),
  });
  const fineTuned = await train(tensors, {
    ...common,
    name: 'fine-tuning',
    settings: fineTuning,
    examples: await Promise.all(sftExamples(seed, Math.ceil(fineTuning.examples * share)).map(answered)),
  });
  const unseen = await Promise.all(sftExamples(seed, 512, 'heldout').map(answered));
  const heldOut = await heldOutLoss(engine, tensors, unseen);
  await engine.close();
  return { tensors, losses: { pretraining: pretrained, fineTuning: fineTuned, heldOut } };
}

async function heldOutLoss(
  engine: SupervisedEngine,
  tensors: readonly NamedTensor[],
  sequences: readonly Sequence[],
): Promise<number> {
  let total = 0;
  let tokens = 0;
  for (let start = 0; start < sequences.length; start += 64) {
    const batch = await engine.compute(tensors, sequences.slice(start, start + 64));
    total += batch.loss * batch.tokens;
    tokens += batch.tokens;
  }
  return total / tokens;
}
