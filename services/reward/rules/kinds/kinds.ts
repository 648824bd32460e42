/** The table of all kinds of rules: what the file may say, and what becomes of it, follow from it. */
import { z } from '@gapo/service';
import { contains } from './contains.js';
import { exact } from './exact.js';
import { json } from './json.js';
import { length } from './length.js';
import { lexicon } from './lexicon.js';
import { readability } from './readability.js';
import { regex } from './regex.js';
import { repetition } from './repetition.js';
import type { RuleKind } from './ruleKind.js';

const kinds = { length, contains, lexicon, regex, repetition, readability, json, exact } as const;

/** A rule of any kind. */
export const rule = z.discriminatedUnion('kind', [
  length.schema,
  contains.schema,
  lexicon.schema,
  regex.schema,
  repetition.schema,
  readability.schema,
  json.schema,
  exact.schema,
]);

/** One rule. */
export type Rule = z.output<typeof rule>;

/** The kind of a rule: its parts take that rule and no other. */
export function kindOf({ kind }: Rule): RuleKind<typeof rule> {
  return kinds[kind] as unknown as RuleKind<typeof rule>;
}
