/**
 * `policy.condition`: a policy conditioned on the preference. λ is drawn for each prompt and stated in the last user turn, so that
 * one policy serves every λ.
 */
import { nonNegativeNumber, positiveNumber, z } from '@gapo/service';
import type { Algorithm } from './data.js';
import type { Refuse } from './section.js';

const options = z.strictObject({
  on: z.literal('preference').describe('What the prompt states.'),
  text: z
    .string()
    .min(1)
    .max(1024)
    .optional()
    .meta({ absent: 'every objective with its level, then the turn, as in `helpful 7, harmless 3: How do I …`' })
    .describe(
      'The last user turn as the policy reads it. `{prompt}` is the text of the turn, `{NAME}` the level of an objective, and ' +
        '`{NAME*TEXT}` TEXT repeated that many times. Rewards and the reference policy get the turn unchanged.',
    ),
  levels: z
    .int()
    .min(1)
    .max(100)
    .meta({ expected: 'an integer from 1 to 100' })
    .default(10)
    .describe('λ is a multiple of 1 / `levels`: the levels of the objectives sum to this number.'),
  concentration: positiveNumber
    .default(1)
    .describe(
      "Parameter of the symmetric Dirichlet distribution that λ is drawn from. 1: uniform; below 1 one objective's share is large.",
    ),
  corners: nonNegativeNumber
    .max(1)
    .meta({ expected: 'a number between 0 and 1' })
    .default(0)
    .describe('Share of the prompts whose λ is 1 for one objective, whatever `concentration` is.'),
});

/** As written. */
export const conditionSchema = z
  .union([z.literal('preference'), options])
  .optional()
  .meta({ absent: 'none: one policy for one preference', expected: '`preference`, or a mapping' })
  .describe(
    'Conditions the policy on the preference λ, which is drawn for each prompt, so that one run covers the whole front: ' +
      '`gapo generate`, `gapo eval` and `gapo front` take a λ. `preference` is `{ on: preference }`. Only with `combine.method: pgapo`, whose ' +
      '`preference` is then the λ where none is given.',
  );

/** How λ is drawn and stated. */
export type Condition = z.output<typeof options>;

type Written = z.output<typeof conditionSchema>;

/** Returns how a policy is conditioned on the preference; undefined if it is not. */
export function conditionOf({
  policy: { condition },
}: {
  readonly policy: { readonly condition?: Written };
}): Condition | undefined {
  return condition === 'preference' ? options.parse({ on: 'preference' }) : condition;
}

/** The placeholder for the text of a turn. */
const promptName = 'prompt';

const placeholder = /\{([^{}*]*)(?:\*([^{}]*))?\}/g;

/** Adds the preference to the text of a user turn. */
export type Conditioner = (content: string) => string;

/**
 * Returns the function that states λ in a user turn.
 *
 * @param condition how it is stated
 * @param names of the objectives
 * @param levels of the objectives, in their order
 */
export function conditionerOf(condition: Condition, names: readonly string[], levels: ArrayLike<number>): Conditioner {
  const text = conditionText(condition, names);
  const levelOf = new Map(names.map((name, k) => [name, levels[k] ?? NaN]));
  return (content) =>
    text.replace(placeholder, (_, name: string, repeated: string | undefined) => {
      if (name === promptName && repeated === undefined) return content;
      const level = levelOf.get(name);
      if (level === undefined)
        throw new RangeError(`policy.condition.text: {${name}} is not an objective; the configuration was not checked`);
      return repeated === undefined ? String(level) : repeated.repeat(level);
    });
}

/** Returns `policy.condition.text`, or its default. */
export function conditionText({ text }: Pick<Condition, 'text'>, names: readonly string[]): string {
  return text ?? `${names.map((name) => `${name} {${name}}`).join(', ')}: {${promptName}}`;
}

/** The parts of a configuration that go with a condition, or do not. */
export interface ConditionContext {
  readonly algorithm: Algorithm;
  readonly policy: { readonly condition?: Written };
  readonly data: { readonly overlong: string };
  readonly objectives: readonly { readonly name: string }[];
  readonly combine: { readonly method: string };
  readonly weighting?: unknown;
  readonly ppo?: { readonly dvao?: boolean | undefined; readonly gd2po?: unknown } | undefined;
}

/** Checks the condition against the rest of the configuration. */
export function checkCondition(config: ConditionContext, refuse: Refuse): void {
  const condition = conditionOf(config);
  if (condition === undefined) return;
  const path = ['policy', 'condition'];
  const { algorithm, combine, data, objectives, ppo, weighting } = config;
  const names = objectives.map(({ name }) => name);
  const why = 'since policy.condition states the preference in each prompt';
  if (algorithm === 'dpo') refuse(path, 'nothing, since algorithm is dpo, which samples no completions');
  else if (combine.method !== 'pgapo') refuse(path, `nothing, since combine.method is ${combine.method}, not pgapo`);
  if (names.length < 2) refuse(path, 'nothing, since there is one objective');
  if (weighting !== undefined) refuse(['weighting'], `nothing, ${why}, which is not adapted`);
  if (ppo?.dvao) refuse(['ppo', 'dvao'], `false, ${why}, which differs between prompts`);
  if (ppo?.gd2po !== undefined) refuse(['ppo', 'gd2po'], `nothing, ${why}, which differs between prompts`);
  if (data.overlong === 'truncate-left') {
    refuse(['data', 'overlong'], `refuse or drop, ${why} in its prompt, which would be cut`);
  }
  if (names.includes(promptName)) refuse(path, `nothing, since an objective has the name ${promptName}`);
  if (condition.text === undefined) return;
  const textPath = [...path, 'text'];
  const used = [...condition.text.matchAll(placeholder)].map(([whole, name = '']) => ({ whole, name }));
  const isPrompt = ({ whole }: { whole: string }): boolean => whole === `{${promptName}}`;
  const stated = used.filter((each) => !isPrompt(each)).map(({ name }) => name);
  const unknown = stated.find((name) => !names.includes(name));
  const all = names.join(', ');
  if (unknown !== undefined) refuse(textPath, `{prompt} and {NAME} of objectives, not {${unknown}}: ${all}`);
  else if (used.filter(isPrompt).length !== 1) refuse(textPath, '{prompt} once');
  else if (new Set(stated).size < names.length - 1)
    refuse(textPath, `{NAME} of all objectives but one at most: ${all}`);
}
