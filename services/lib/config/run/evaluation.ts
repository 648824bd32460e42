/** `evaluation`: how `gapo eval` samples completions of held-out prompts. */
import { nonNegativeNumber, positiveInt, seed, z } from '@gapo/service';

const options = z.strictObject({
  temperature: nonNegativeNumber.default(1).describe('Divides the logits. 0: greedy decoding.'),
  samplesPerPrompt: positiveInt.default(1).describe('Completions sampled for each held-out prompt.'),
  seed: seed.default(1).describe('Seed of the completions.'),
});

/** Evaluations. */
export const evaluation = { schema: options.prefault({}).describe('How `gapo eval` samples completions.') };
