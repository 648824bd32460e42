/** The score of a list of rules: the weighted sum of their measures. Pure. */
import type { Measure, Range, Rule, RuleKind } from './kinds/ruleKind.js';
import { kindOf, ruleKinds } from './kinds/ruleKinds.js';

/** Compiles rules into one function. The terms are added in the order of the rules. */
export function compile(rules: readonly Rule[], kinds: readonly RuleKind[] = ruleKinds): Measure {
  const terms = rules.map((rule) => ({ weight: rule.weight, measure: kindOf(rule, kinds).measure(rule) }));
  return (item) => terms.reduce((sum, { weight, measure }) => sum + weight * measure(item), 0);
}

/** Returns the smallest and the largest possible score. */
export function scoreRange(rules: readonly Rule[], kinds: readonly RuleKind[] = ruleKinds): Range {
  const ends = rules.map((rule) => {
    const { minimum, maximum } = kindOf(rule, kinds).range(rule);
    return [rule.weight * minimum, rule.weight * maximum] as const;
  });
  return {
    minimum: ends.reduce((sum, pair) => sum + Math.min(...pair), 0),
    maximum: ends.reduce((sum, pair) => sum + Math.max(...pair), 0),
  };
}
