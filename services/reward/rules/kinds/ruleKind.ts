/** What a kind of rule is made of; kinds.ts is the table of all of them. */
import type { ScoreItem } from '@gapo/reward';
import { z } from '@gapo/service';

/** Measures one item. NaN where the rule has nothing to measure it by, which is no score. */
export type Measure = (item: ScoreItem) => number;

/** What a measure lies between, both included. */
export interface Range {
  readonly minimum: number;
  readonly maximum: number;
}

/** A kind of rule, whose rules have the form of its schema. */
export interface RuleKind<S extends z.ZodType> {
  /** A rule as the file has it. */
  readonly schema: S;
  /** Takes in the content of files that a rule names. @throws UserError where one cannot be read or is wrong */
  readonly load?: (rule: z.output<S>, directory: string) => Promise<z.output<S>>;
  /** What a rule measures. @default from 0 to 1 */
  readonly range?: (rule: z.output<S>) => Range;
  /** Makes a rule's measure: a function of the item alone, within the range. */
  readonly measure: (rule: z.output<S>) => Measure;
}

/** Declares a kind; its parts are typed by its schema. */
export function ruleKind<S extends z.ZodType>(kind: RuleKind<S>): RuleKind<S> {
  return kind;
}

/** Weights beyond this could add up to infinity. */
const largestWeight = 1e6;

/** A weight. */
export const weight = z
  .number()
  .min(-largestWeight)
  .max(largestWeight)
  .meta({ expected: `a number from -${largestWeight} to ${largestWeight}` });

/** What every rule has. */
export const common = { weight: weight.default(1) };

/** A text of at least one character. */
export const text = z.string().min(1).meta({ expected: 'a text that is not empty' });

/** Flags that change what matches. g and y would carry state from one item to the next. */
export const flags = z
  .string()
  .regex(/^[imsuv]*$/)
  .meta({ expected: 'flags out of i, m, s, u and v' })
  .default('');

/** Why a text is no regular expression; undefined where it is one. */
export function patternProblem(pattern: string, given: string): string | undefined {
  try {
    new RegExp(pattern, given);
    return undefined;
  } catch (error) {
    return `a regular expression (${(error as Error).message.split(': ').at(-1) ?? ''})`;
  }
}
