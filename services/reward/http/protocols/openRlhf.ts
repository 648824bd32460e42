/** OpenRLHF's remote reward function: { query, prompts, labels } → { rewards }. `query` is prompt and completion as one text. */
import { z } from '@gapo/service';
import type { ProtocolOptions } from './httpFile.js';
import { counted, withReference, parsed, scoreOf, withParameters, type Protocol } from './protocol.js';

/** Elements are checked one by one, so that a bad one affects only its own item. */
const rewards = z.looseObject({ rewards: z.array(z.unknown()) });

export function openRlhf({ batch, reference, parameters }: ProtocolOptions<'openrlhf'>): Protocol {
  return {
    batch,
    request: (items) =>
      withParameters(
        {
          query: items.map(({ prompt, completion }) => prompt + completion),
          prompts: items.map(({ prompt }) => prompt),
          labels: items.map(({ metadata }) => (reference === undefined ? '' : metadata[reference])),
        },
        parameters,
      ),
    prepare: (item) => withReference(item, reference),
    read: (answer, items) => {
      const { rewards: found } = parsed(rewards, answer, '{"rewards": [numbers]}');
      return counted(found, items.length, 'rewards').map((reward) => scoreOf(onlyElement(reward)));
    },
  };
}

/** A model's scores of shape [n, 1] arrive as a list of one-element lists. */
function onlyElement(reward: unknown): unknown {
  return reward instanceof Array && reward.length === 1 ? (reward as unknown[])[0] : reward;
}
