/** The part of a run's configuration that says what one objective is, and its checks. */
import { grpcTarget, positiveNumber, word, z } from '@gapo/service';
import type { Refuse } from './combineConfig.js';

/** An objective as it is written. */
export const objective = z.strictObject({
  /** Its name in reports, events and combinations. */
  name: word,
  /** A name of REWARD_SERVICES, or host:port. @default the objective's name */
  service: z.string().optional(),
  /**
   * When a completion has no score: pause the run, drop the completion for every objective, or fail the run.
   * @default pause
   */
  onFailure: z.enum(['pause', 'drop', 'fail']).default('pause'),
  /** How long one Score call may take. @default 30 */
  timeoutSeconds: positiveNumber.default(30),
  /** A call that is not answered by then is made a second time, and the first answer counts. @default never */
  hedgeAfterSeconds: positiveNumber.optional(),
});

/** An objective with every default filled in. */
export const objectiveConfig = objective.required({ service: true });
export type ObjectiveConfig = z.output<typeof objectiveConfig>;

/** Fills in the default that depends on another field. */
export function withService(written: z.output<typeof objective>): ObjectiveConfig {
  return { ...written, service: written.service ?? written.name };
}

/** The reward services that the coordinator has addresses of, by name; an iteration has those that are listed. */
export type ServiceNames = Pick<ReadonlySet<string>, 'has'> & Iterable<string>;

/** What gradient workers call the gradient that belongs to no objective. */
const reservedName = 'regularizer';

/**
 * Checks that objectives can be told apart and that each has a service.
 *
 * @param services names of the reward services that the coordinator knows; undefined takes any name
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
