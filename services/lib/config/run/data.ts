/** `data`: the files that a run reads. */
import { filePath, z } from '@gapo/service';
import { columnMap, overlong } from '../data/dataSettings.js';
import type { Ppo } from './ppo.js';
import type { Refuse } from './section.js';

/** The training algorithm of a run. */
export type Algorithm = 'ppo' | 'dpo';

const schema = z
  .strictObject({
    prompts: filePath
      .optional()
      .describe(
        'Prompts to train on. Each line is `{"prompt": "How do I ..."}`, a text or messages, or of another form of the ' +
          'field. Its `id` is its line number unless it has one. Rewards receive other columns as metadata. Required by ' +
          '`algorithm: ppo`.',
      ),
    heldOut: filePath
      .optional()
      .describe('Prompts that are never trained on, in the format of `prompts`. Required by evaluations.'),
    pairs: filePath
      .optional()
      .describe(
        'Preference pairs. Each line is `{"prompt", "chosen", "rejected", "labels": {"helpful": 1, "harmless": -1}}`. ' +
          'Without `labels`, `chosen` is better by the only objective. Required by `algorithm: dpo`.',
      ),
    pretraining: filePath
      .optional()
      .describe(
        'Texts for language modelling. Each line is `{"text"}` or `{"prompt", "completion"}`. Required by `ppo.ptx`.',
      ),
    map: columnMap,
    overlong: overlong.default('refuse'),
  })
  .describe(
    'Files of prompts, preference pairs and texts: JSON Lines, JSON arrays (also compressed with gzip) or Parquet.',
  );

interface Reads {
  readonly algorithm: Algorithm;
  readonly data: z.output<typeof schema>;
  readonly ppo?: Ppo | undefined;
}

function check({ algorithm, data: files, ppo }: Reads, refuse: Refuse): void {
  if (algorithm === 'dpo') {
    if (files.pairs === undefined) refuse(['data', 'pairs'], 'a file of pairs, since algorithm is dpo');
    if (files.prompts !== undefined) {
      refuse(['data', 'prompts'], 'nothing, since algorithm is dpo: prompts are in data.pairs');
    }
    if (files.pretraining !== undefined) refuse(['data', 'pretraining'], 'nothing, since algorithm is dpo');
    return;
  }
  if (files.prompts === undefined) refuse(['data', 'prompts'], "a file's path");
  if (files.pairs !== undefined) refuse(['data', 'pairs'], 'nothing, since algorithm is ppo');
  if (ppo?.ptx !== undefined && files.pretraining === undefined) {
    refuse(['data', 'pretraining'], 'a file of texts, since ppo.ptx is set');
  }
  if (ppo?.ptx === undefined && files.pretraining !== undefined) {
    refuse(['data', 'pretraining'], 'nothing, since ppo.ptx is not set');
  }
}

/** Files. */
export const data = { schema, check };
