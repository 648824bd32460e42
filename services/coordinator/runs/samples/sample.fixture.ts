/** For tests of completions. */
import { toJson, type Sample, type SampleInput } from '@gapo/rpc';

/** Returns a completion. */
export function someSample(fields: SampleInput = {}): Sample {
  const message = toJson('gapo.training.v1.Sample', {
    step: 1,
    promptId: 'ab'.repeat(8),
    promptText: 'say',
    completion: 'text',
    finished: true,
    tokens: 3,
    logprob: -1,
    scores: [{ objective: 'short', score: 1, advantage: 0.5 }],
    ...fields,
  });
  return message as Sample;
}
