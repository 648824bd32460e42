/** `dpo`: direct preference optimisation on labelled pairs. */
import { positiveInt, positiveNumber, z } from '@gapo/service';
import type { Algorithm } from './data.js';
import type { Refuse } from './section.js';

const options = z.strictObject({
  beta: positiveNumber
    .default(0.1)
    .describe('β: a margin is β times the log-probability ratio to the reference policy.'),
  pairsPerStep: positiveInt
    .default(64)
    .describe('Pairs in a step. More are drawn if an objective has no label in them.'),
  labelSmoothing: z
    .number()
    .min(0)
    .lt(0.5)
    .meta({ expected: 'a number of at least 0 and under 0.5' })
    .default(0)
    .describe('Probability that a label is wrong.'),
});

const schema = options
  .optional()
  .meta({ absent: 'its defaults' })
  .describe('Direct preference optimisation. Only with `algorithm: dpo`.');

/** DPO's options. */
export type Dpo = z.output<typeof options>;

/** DPO's options if the configuration has none. */
export const dpoDefaults = options.parse({});

interface Reads {
  readonly algorithm: Algorithm;
  readonly dpo?: Dpo | undefined;
}

function check({ algorithm, dpo: given }: Reads, refuse: Refuse): void {
  if (algorithm === 'ppo' && given !== undefined) refuse(['dpo'], 'nothing, since algorithm is ppo');
}

/** DPO. */
export const dpo = { schema, check };
