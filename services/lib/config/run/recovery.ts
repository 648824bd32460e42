/** `recovery`: how a run continues after a fault of a reward service, a worker or the disk has paused it. */
import { positiveInt, positiveNumber, z } from '@gapo/service';

const options = z.strictObject({
  resume: z
    .enum(['auto', 'manual'])
    .default('auto')
    .describe(
      'Who resumes the run. `auto`: the coordinator, once a check shows that the fault is over. `manual`: a user, with ' +
        '`gapo resume`.',
    ),
  attempts: positiveInt
    .default(10)
    .describe('Number of times that the coordinator resumes the run at one step. After that, a user has to.'),
  hours: positiveNumber
    .default(24)
    .describe('Hours that the coordinator waits for one fault to end. After that, a user has to resume the run.'),
});

const schema = options
  .optional()
  .meta({ absent: 'its defaults' })
  .describe('How a run continues after a fault of a reward service, a worker or the disk has paused it.');

/** How a run continues after a fault. */
export type Recovery = z.output<typeof options>;

/** The options of a configuration that has none. */
export const recoveryDefaults = options.parse({});

/** Recovery from faults. */
export const recovery = { schema };
