/** Options that change the distribution. With them, a server cannot return the policy's own log-probabilities. */
import type { SamplingOptions } from '@gapo/policy';

/**
 * Says which options of a request an engine cannot apply; undefined if there are none.
 *
 * @param engine the value of ENGINE
 */
export function distributionRefusal(
  engine: string,
  { topK = 0, topP = 1, minP = 0, repetitionPenalty = 1, temperature }: SamplingOptions,
): string | undefined {
  const truncates = temperature > 0;
  const options = [
    ...(truncates && topK > 0 ? ['rollout.topK'] : []),
    ...(truncates && topP < 1 ? ['rollout.topP'] : []),
    ...(truncates && minP > 0 ? ['rollout.minP'] : []),
    ...(repetitionPenalty !== 1 ? ['rollout.repetitionPenalty'] : []),
  ];
  if (options.length === 0) return undefined;
  return (
    `${options.join(', ')}: with it, ${engine} does not return the log-probabilities both of the policy, which training needs, and ` +
    'of the changed distribution; leave it out, or set ENGINE=native'
  );
}
