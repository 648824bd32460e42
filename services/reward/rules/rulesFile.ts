/**
 * A YAML rules file, validated before anything is scored.
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
import { dirname } from 'node:path';
import { configSha256, finiteNumber, parseYaml, word, z, UserError } from '@gapo/service';
import type { Rule, RuleKind } from './kinds/ruleKind.js';
import { kindOf, ruleKinds, ruleSchema } from './kinds/ruleKinds.js';

/** Part of the version of the scores: increase it when a rule's measure changes. */
const rulesRevision = 1;

/** Returns the schema of a rules file. */
export const rulesFileSchema = (kinds: readonly RuleKind[]) =>
  z.object({
    objective: word,
    orientation: z.enum(['higher_is_better', 'lower_is_better']).default('higher_is_better'),
    threshold: finiteNumber.optional(),
    rules: z.array(ruleSchema(kinds)).min(1).meta({ expected: 'a list of rules' }),
  });

/** A rules file, with defaults filled in and the contents of the files that it names. */
export type Rules = Omit<z.output<ReturnType<typeof rulesFileSchema>>, 'rules'> & { readonly rules: readonly Rule[] };

/**
 * Reads a rules file.
 *
 * @throws UserError if it cannot be read; ConfigError with the location of every problem
 */
export async function readRules(path: string, kinds: readonly RuleKind[] = ruleKinds): Promise<Rules> {
  let source: string;
  try {
    source = await readFile(path, 'utf8');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new UserError(`${path}: ${missing ? 'does not exist' : `cannot be read: ${(error as Error).message}`}`);
  }
  const file = parseYaml(rulesFileSchema(kinds), source, { source: path });
  const directory = dirname(path);
  const rules = await Promise.all(file.rules.map((rule) => kindOf(rule, kinds).load(rule, directory)));
  return { ...file, rules };
}

/**
 * Returns the SHA-256 (hex) of the rules in canonical form, so that comments and explicit defaults do not change
 * it.
 */
export function rulesVersion({ rules }: Rules): string {
  return configSha256({ rulesRevision, rules });
}
