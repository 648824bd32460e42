/** The registry of rule kinds: one line each. */
import { z } from '@gapo/service';
import { contains } from './contains.js';
import { exact } from './exact.js';
import { json } from './json.js';
import { length } from './length.js';
import { lexicon } from './lexicon.js';
import { readability } from './readability.js';
import { regex } from './regex.js';
import { repetition } from './repetition.js';
import type { Rule, RuleKind } from './ruleKind.js';

/** Every kind, in the order of the documentation. */
export const ruleKinds: readonly RuleKind[] = [length, contains, lexicon, regex, repetition, readability, json, exact];

/**
 * Builds the schema of a rule of any kind.
 *
 * @throws RangeError if there are no kinds
 */
export function ruleSchema(kinds: readonly RuleKind[] = ruleKinds) {
  const [first, ...others] = kinds.map(({ schema }) => schema);
  if (first === undefined) throw new RangeError('there are no rule kinds: register at least one');
  return z.discriminatedUnion('kind', [first, ...others]);
}

/**
 * Returns the kind of a rule.
 *
 * @throws RangeError if there is none with that name
 */
export function kindOf({ kind }: Rule, kinds: readonly RuleKind[] = ruleKinds): RuleKind {
  const found = kinds.find(({ name }) => name === kind);
  if (found === undefined) throw new RangeError(`there is no rule kind named ${kind}`);
  return found;
}
