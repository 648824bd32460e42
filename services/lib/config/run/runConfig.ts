/** The run configuration: one YAML file, validated as a whole. */
import { nonNegativeNumber, parseYaml, positiveInt, seed, word, z } from '@gapo/service';
import { checkpoints } from './checkpoints.js';
import { combine, combineSections } from './combine.js';
import { compute } from './compute.js';
import { data, type Algorithm } from './data.js';
import { dpo, dpoDefaults } from './dpo.js';
import { evaluation } from './evaluation.js';
import { completeKl, kl, type Kl } from './kl.js';
import { checkObjectives, objectives, withService, type ObjectiveConfig, type ServiceNames } from './objectives.js';
import { optimizer } from './optimizer.js';
import { policy, withLora } from './policy.js';
import { completePpo, ppo, type CompletePpo } from './ppo.js';
import { recovery } from './recovery.js';
import { rollout } from './rollout.js';
import { samples } from './samples.js';
import type { Refuse, Section } from './section.js';
import { tags } from './tags.js';
import { weighting } from './weighting.js';

/** The keys of the file, in the order of the documentation. A new one is a line here, and a file with its section. */
const sections = {
  name: {
    schema: word.describe(
      "Name of the run. The run's id is the name and the time, unless `gapo train --id` gives one.",
    ),
  },
  tags,
  seed: { schema: seed.default(0).describe('Seed of all randomness.') },
  steps: { schema: positiveInt.describe('Training steps.') },
  algorithm: {
    schema: z
      .enum(['ppo', 'dpo'])
      .default('ppo')
      .describe('`ppo`: completions are sampled and scored. `dpo`: the policy learns from labelled pairs.'),
  },
  policy,
  data,
  rollout,
  objectives,
  combine,
  ...combineSections,
  weighting,
  ppo,
  kl,
  dpo,
  entropyCoefficient: {
    schema: nonNegativeNumber
      .default(0)
      .describe('Coefficient of the entropy bonus, whose gradient is added after the combination.'),
    check(config: { readonly algorithm: Algorithm; readonly entropyCoefficient: number }, refuse: Refuse): void {
      if (config.algorithm === 'dpo' && config.entropyCoefficient !== 0) {
        refuse(['entropyCoefficient'], '0, since algorithm is dpo');
      }
    },
  },
  optimizer,
  compute,
  checkpoints,
  recovery,
  samples,
  evaluation,
} satisfies Readonly<Record<string, Section>>;

/** The whole file, before the rules that involve several keys. */
export const shape = z.strictObject(schemasOf(sections));

/** A configuration as written, with the defaults that depend on nothing else. */
type Written = z.output<typeof shape>;

const checkedSections: Readonly<Record<string, Section<Written>>> = sections;

/** A run configuration with every default filled in. */
export type RunConfig = Omit<Written, 'objectives' | 'ppo' | 'kl'> & {
  objectives: ObjectiveConfig[];
  ppo: CompletePpo;
  /** With `algorithm: dpo` its coefficient is 0. */
  kl: Kl;
};

function schemasOf<S extends Readonly<Record<string, Section>>>(all: S): { [Key in keyof S]: S[Key]['schema'] } {
  const schemas = Object.entries(all).map(([key, { schema }]) => [key, schema]);
  return Object.fromEntries(schemas) as { [Key in keyof S]: S[Key]['schema'] };
}

/** Lists the objectives' names, in order. */
export function objectiveNames(config: { readonly objectives: readonly { readonly name: string }[] }): string[] {
  return config.objectives.map(({ name }) => name);
}

/**
 * Parses and checks a run configuration.
 *
 * @param source name of the file, which begins every line of an error
 * @param services names of the reward services that the coordinator knows; undefined accepts any name
 * @throws ConfigError with every problem: its path, what was found, what is expected
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises';
 * import { objectiveNames, parseRunConfig } from '@gapo/config';
 *
 * const file = 'examples/assistant/run.yaml';
 * const config = parseRunConfig(await readFile(file, 'utf8'), file, undefined);
 * console.log(config.steps, objectiveNames(config).join(', '), config.optimizer.learningRate);
 * ```
 */
export function parseRunConfig(text: string, source: string, services: ServiceNames | undefined): RunConfig {
  const checked = shape.superRefine((config, context) => {
    const refuse: Refuse = (path, message) => context.addIssue({ code: 'custom', path, message });
    // DPO trains without rewards, and an evaluation finds its own services.
    checkObjectives(config.objectives, config.algorithm === 'ppo' ? services : undefined, refuse);
    for (const { check } of Object.values(checkedSections)) check?.(config, refuse);
  });
  return withDependentDefaults(parseYaml(checked, text, { source }));
}

/**
 * Returns the configuration with every default written out, its keys in the order of the documentation. `parseRunConfig`
 * reads it back as the same value.
 */
export function asWritten(config: RunConfig): object {
  // With DPO these are defaults that the file must not have.
  return shape.parse(config.algorithm === 'dpo' ? { ...config, ppo: undefined, kl: undefined } : config);
}

/** Fills in the defaults that depend on other fields. */
function withDependentDefaults(config: Written): RunConfig {
  const { algorithm } = config;
  return {
    ...config,
    policy: withLora(config.policy),
    ppo: completePpo(config.ppo),
    kl: completeKl(config.kl, algorithm),
    ...(algorithm === 'dpo' && { dpo: config.dpo ?? dpoDefaults }),
    objectives: config.objectives.map(withService),
  };
}
