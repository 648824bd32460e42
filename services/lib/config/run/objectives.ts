/** `objectives`: the objectives and their reward services. */
import { grpcTarget, finiteNumber, positiveNumber, word, z } from '@gapo/service';
import { textForm } from '../textForm.js';
import type { Algorithm } from './data.js';
import type { Refuse } from './section.js';

/** A factor of rewards. Squares of gradients with it stay within float32. */
const rewardFactor = z.number().min(1e-12).max(1e12).meta({ expected: 'a number from 1e-12 to 1e12' });

/** An objective as written. */
export const objective = z.strictObject({
  name: word.describe('Name in reports, events and combinations.'),
  service: z
    .string()
    .optional()
    .meta({ absent: "the objective's `name`" })
    .describe("Its reward service: a name in the coordinator's `REWARD_SERVICES`, or `host:port`."),
  onFailure: z
    .enum(['pause', 'drop', 'fail'])
    .default('pause')
    .describe(
      'The reaction to a completion without a score. `pause`: the run pauses. `drop`: the completion is dropped for ' +
        'every objective. `fail`: the run fails.',
    ),
  timeoutSeconds: positiveNumber.default(30).describe('Deadline of one call to the reward service, in seconds.'),
  hedgeAfterSeconds: positiveNumber
    .optional()
    .meta({ absent: 'never' })
    .describe('Sends a second copy of a call that is unanswered after this many seconds. The first answer counts.'),
  noise: rewardFactor
    .optional()
    .meta({ absent: 'no noise' })
    .describe(
      'Standard deviation of normal noise that training adds to each score: how a method fares with an unreliable reward. ' +
        'Reports and evaluations keep the scores.',
    ),
  threshold: finiteNumber
    .optional()
    .meta({ absent: 'the score itself' })
    .describe(
      'Training gets 1 for a score of at least this, noise included, and 0 for any other: a sparse reward. Reports and ' +
        'evaluations keep the scores.',
    ),
  scale: rewardFactor
    .optional()
    .meta({ absent: '1' })
    .describe(
      'Multiplies the score, or what noise and threshold make of it, to give the reward, before clamps, penalties, limits and KL. Reports and evaluations keep the scores.',
    ),
  text: textForm
    .optional()
    .meta({ absent: 'what the service describes, else `clean`' })
    .describe(
      'The text that the service gets. `clean`: without special tokens. `raw`: as the policy read and wrote it, with special ' +
        'tokens and chat template.',
    ),
});

/** The objectives. */
export const objectives = {
  schema: z.array(objective).min(1).describe('The objectives. Reports and the Gram matrix keep their order.'),
  check({ algorithm, objectives: written }: Reads, refuse: Refuse): void {
    if (algorithm !== 'dpo') return;
    written.forEach((objective, i) => {
      for (const key of ['noise', 'threshold', 'scale'] as const)
        if (objective[key] !== undefined)
          refuse(['objectives', i, key], 'nothing, since algorithm is dpo, which has no rewards');
    });
  },
};

interface Reads {
  readonly algorithm: Algorithm;
  readonly objectives: readonly z.output<typeof objective>[];
}

/** An objective with every default. */
export const objectiveConfig = objective.required({ service: true });
export type ObjectiveConfig = z.output<typeof objectiveConfig>;

/** Fills in the default that depends on another field. */
export function withService(written: z.output<typeof objective>): ObjectiveConfig {
  return { ...written, service: written.service ?? written.name };
}

/** The names of the reward services whose addresses the coordinator has. Iteration yields those that are listed by name. */
export type ServiceNames = Pick<ReadonlySet<string>, 'has'> & Iterable<string>;

/** The name of the gradient that belongs to no objective, in the protocol of gradient workers. */
const reservedName = 'regularizer';

/**
 * Checks that objectives have distinct names and that each has a reward service.
 *
 * @param services names of the reward services that the coordinator knows; undefined accepts any name
 */
export function checkObjectives(
  objectives: readonly z.output<typeof objective>[],
  services: ServiceNames | undefined,
  refuse: Refuse,
): void {
  objectives.forEach(({ name }, i) => {
    if (name === reservedName) refuse(['objectives', i, 'name'], 'another name: that of the KL and entropy gradient');
    if (objectives.findIndex((other) => other.name === name) < i) {
      refuse(['objectives', i, 'name'], 'a name that no other objective has');
    }
  });
  if (services === undefined) return;
  const listed = [...services].join(', ');
  const known = listed === '' ? '' : ` (${listed})`;
  objectives.forEach(({ name, service }, i) => {
    if (services.has(service ?? name)) return;
    if (service === undefined) {
      refuse(['objectives', i, 'service'], `host:port, since REWARD_SERVICES${known} has no "${name}"`);
    } else if (!grpcTarget.safeParse(service).success) {
      refuse(['objectives', i, 'service'], `a name in REWARD_SERVICES${known}, or host:port`);
    }
  });
}
