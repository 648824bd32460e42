/**
 * Rules as people write them: a YAML file, checked whole.
 *
 * ```yaml
 * objective: polite
 * threshold: 0.5
 * rules:
 *   - { kind: length, target: 20, scale: 10, weight: 1 }
 *   - { kind: contains, words: [please, thank you], weight: 1 }
 *   - { kind: regex, pattern: '^(sorry|i cannot)', flags: i, weight: -0.5 }
 *   - { kind: repetition, weight: -1 }
 * ```
 */
import { readFile } from 'node:fs/promises';
import {
  configSha256,
  finiteNumber,
  nonNegativeNumber,
  parseYaml,
  positiveInt,
  positiveNumber,
  word,
  z,
} from '@gapo/settings';
import { UserError } from '@gapo/telemetry';

/** Raised by whoever changes what a rule measures. */
const rulesRevision = 1;

/** Weights beyond this could add up to infinity. */
const largestWeight = 1e6;

const weight = z
  .number()
  .min(-largestWeight)
  .max(largestWeight)
  .meta({ expected: `a number from -${largestWeight} to ${largestWeight}` })
  .default(1);

const text = z.string().min(1).meta({ expected: 'a text that is not empty' });

/** Flags that change what matches. g and y would carry state from one item to the next. */
const flags = z
  .string()
  .regex(/^[imsuv]*$/)
  .meta({ expected: 'flags out of i, m, s, u and v' });

const rule = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('length'),
    target: nonNegativeNumber,
    scale: positiveNumber,
    unit: z.enum(['words', 'characters']).default('words'),
    weight,
  }),
  z.object({
    kind: z.literal('contains'),
    words: z.array(text).min(1),
    count: z.enum(['any', 'share']).default('any'),
    weight,
  }),
  z
    .object({ kind: z.literal('regex'), pattern: text, flags: flags.default(''), weight })
    .superRefine(({ pattern, flags: given }, context) => {
      try {
        new RegExp(pattern, given);
      } catch (error) {
        const reason = (error as Error).message.split(': ').at(-1) ?? '';
        context.addIssue({ code: 'custom', path: ['pattern'], message: `a regular expression (${reason})` });
      }
    }),
  z.object({ kind: z.literal('repetition'), words: positiveInt.default(2), weight }),
]);

const schema = z.object({
  objective: word,
  orientation: z.enum(['higher_is_better', 'lower_is_better']).default('higher_is_better'),
  threshold: finiteNumber.optional(),
  rules: z.array(rule).min(1).meta({ expected: 'a list of rules' }),
});

/** One rule. */
export type Rule = z.output<typeof rule>;

/** A file of rules with all defaults filled in. */
export type Rules = z.output<typeof schema>;

/**
 * Reads a file of rules.
 * @throws UserError where it cannot be read; ConfigError with the place of everything that is wrong.
 */
export async function readRules(path: string): Promise<Rules> {
  let source: string;
  try {
    source = await readFile(path, 'utf8');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new UserError(`${path}: ${missing ? 'does not exist' : `cannot be read: ${(error as Error).message}`}`);
  }
  return parseYaml(schema, source, { source: path });
}

/** SHA-256 (hex) of what decides a score: the rules in canonical form, so that comments and defaults do not matter. */
export function rulesVersion({ rules }: Rules): string {
  return configSha256({ rulesRevision, rules });
}

/** The smallest and the largest score: every rule measures something from 0 to 1. */
export function scoreRange({ rules }: Rules): { readonly minimum: number; readonly maximum: number } {
  return {
    minimum: rules.reduce((sum, { weight: w }) => sum + Math.min(w, 0), 0),
    maximum: rules.reduce((sum, { weight: w }) => sum + Math.max(w, 0), 0),
  };
}
