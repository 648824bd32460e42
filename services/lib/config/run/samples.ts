/** `samples`: which completions are kept for people to read. Nothing of it changes what a run computes. */
import { z } from '@gapo/service';
import type { Algorithm } from './data.js';
import type { Refuse } from './section.js';

const options = z.strictObject({
  perStep: z
    .int()
    .min(1)
    .max(256)
    .meta({ expected: 'an integer from 1 to 256' })
    .default(32)
    .describe(
      'Completions of a step that are kept: those of the prompts whose hashes are smallest, so that the same prompts are kept ' +
        'whenever they are drawn.',
    ),
  keep: z
    .int()
    .min(1)
    .max(1000)
    .meta({ expected: 'an integer from 1 to 1000' })
    .default(64)
    .describe(
      'Number of steps whose completions are kept: half are the newest steps, the others are evenly spaced from step 1 on.',
    ),
});

// The YAML of Kubernetes reads off as false.
const off = z.literal(['off', false]);

const schema = z
  .union([off, options])
  .optional()
  .meta({ absent: 'its defaults', expected: '`off`, or a mapping' })
  .describe(
    'Which completions are kept in `DATA_DIR`, with their prompts and scores, for `gapo samples` and the page.',
  );

type Samples = z.output<typeof schema>;

/** How many completions are kept. */
export type SampleLimits = z.output<typeof options>;

function check({ algorithm, samples: given }: { algorithm: Algorithm; samples?: Samples }, refuse: Refuse): void {
  if (algorithm === 'dpo' && typeof given === 'object') {
    refuse(['samples'], 'off, since algorithm is dpo, which samples no completions');
  }
}

/** Returns how many completions a run keeps; undefined if none. */
export function sampleLimits({ samples: given }: { readonly samples?: Samples }): SampleLimits | undefined {
  return given === 'off' || given === false ? undefined : (given ?? options.parse({}));
}

/** Completions for people to read. */
export const samples = { schema, check };
