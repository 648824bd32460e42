/** The interface of a kind of rule; ruleKinds.ts is the registry. */
import type { ScoreItem } from '@gapo/reward';
import { z } from '@gapo/service';

/** A rule in a file of rules. */
export interface Rule {
  readonly kind: string;
  /** The factor of its measure in the score. */
  readonly weight: number;
  readonly [key: string]: unknown;
}

/** Measures one item. Returns NaN if the rule cannot measure the item, which then has no score. */
export type Measure = (item: ScoreItem) => number;

/** The bounds of a measure, both inclusive. */
export interface Range {
  readonly minimum: number;
  readonly maximum: number;
}

/** A kind of rule. Its functions accept only rules of that kind. */
export interface RuleKind {
  readonly name: string;
  /** What it measures, for the table in README.md. */
  readonly measures: string;
  readonly schema: z.ZodObject<{ kind: z.ZodLiteral<string>; weight: z.ZodType<number> }>;
  /**
   * Returns the rule with the contents of the files that it names. @throws UserError if one cannot be read or is invalid
   */
  load(rule: Rule, directory: string): Promise<Rule>;
  range(rule: Rule): Range;
  /** Compiles the rule. Its measure depends only on the item and is within the range. */
  measure(rule: Rule): Measure;
}

type Keys = Readonly<Record<string, z.ZodType>>;
type Values<K extends Keys> = z.output<z.ZodObject<K>>;

/** The declaration of a kind. */
export interface RuleKindOptions<K extends Keys> {
  /** The `kind` of its rules. */
  readonly name: string;
  /** What it measures, as a noun phrase or a sentence without a full stop. */
  readonly measures: string;
  /** The keys of a rule in addition to kind and weight. */
  readonly keys: K;
  /** Checks keys against each other; `refuse` reports a key and what is expected for it. */
  readonly check?: (rule: Values<K>, refuse: (path: string | readonly string[], expected: string) => void) => void;
  /** Replaces the paths of files named in a rule with their contents. @default the rule unchanged */
  readonly load?: (rule: Values<K>, directory: string) => Promise<Partial<Values<K>>>;
  /** @default from 0 to 1 */
  readonly range?: (rule: Values<K>) => Range;
  readonly measure: (rule: Values<K>) => Measure;
}

/** Declares a kind. Its functions are typed by its keys. */
export function ruleKind<K extends Keys>(options: RuleKindOptions<K>): RuleKind {
  const { name, measures, keys, check, load, range, measure } = options;
  // The registry passes a kind only its own rules, which the schema has checked.
  const own = (rule: unknown): Values<K> => rule as Values<K>;
  return {
    name,
    measures,
    schema: z
      .object({ kind: z.literal(name), ...keys, weight: weight.default(1) })
      .superRefine((rule, context) =>
        check?.(own(rule), (path, expected) =>
          context.addIssue({ code: 'custom', path: [path].flat(), message: expected }),
        ),
      ),
    load: async (rule, directory) => {
      const { kind, weight } = rule;
      return load === undefined ? rule : { ...(await load(own(rule), directory)), kind, weight };
    },
    range: (rule) => range?.(own(rule)) ?? { minimum: 0, maximum: 1 },
    measure: (rule) => measure(own(rule)),
  };
}

/** Larger weights could add up to infinity. */
const largestWeight = 1e6;

/** A weight. */
export const weight = z
  .number()
  .min(-largestWeight)
  .max(largestWeight)
  .meta({ expected: `a number from -${largestWeight} to ${largestWeight}` });

/** The flags of a pattern. g and y are not allowed: they carry state from one item to the next. */
export const flags = z
  .string()
  .regex(/^[imsuv]*$/)
  .meta({ expected: 'flags out of i, m, s, u and v' })
  .default('');

/** Returns what is expected instead if a text is not a regular expression; undefined if it is one. */
export function patternProblem(pattern: string, flags: string): string | undefined {
  try {
    new RegExp(pattern, flags);
    return undefined;
  } catch (error) {
    return `a regular expression (${(error as Error).message.split(': ').at(-1) ?? ''})`;
  }
}
