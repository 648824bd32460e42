/** A reward service in ten lines: completions of few words are better. */
import { serveReward } from '@gapo/reward';

await serveReward({
  objective: 'concise',
  score: ({ completion }) => 1 / (1 + completion.split(/\s+/).filter(Boolean).length),
  model: 'one over the number of words',
  minimum: 0,
  maximum: 1,
});
