/** The score of a list of rules: the weighted sum of what each measures. Pure. */
import { kindOf, type Rule } from './kinds/kinds.js';
import type { Measure, Range } from './kinds/ruleKind.js';

/** A function for the weighted sum of the rules' measures, in the order of the rules. */
export function compile(rules: readonly Rule[]): Measure {
  const terms = rules.map((rule) => ({ weight: rule.weight, measure: kindOf(rule).measure(rule) }));
  return (item) => terms.reduce((sum, { weight, measure }) => sum + weight * measure(item), 0);
}

/** The smallest and the largest score. */
export function scoreRange(rules: readonly Rule[]): Range {
  const ends = rules.map((rule) => {
    const { minimum, maximum } = kindOf(rule).range?.(rule) ?? { minimum: 0, maximum: 1 };
    return [rule.weight * minimum, rule.weight * maximum] as const;
  });
  return {
    minimum: ends.reduce((sum, pair) => sum + Math.min(...pair), 0),
    maximum: ends.reduce((sum, pair) => sum + Math.max(...pair), 0),
  };
}
