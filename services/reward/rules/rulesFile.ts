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
import { dirname } from 'node:path';
import { configSha256, finiteNumber, parseYaml, word, z, UserError } from '@gapo/service';
import { kindOf, rule } from './kinds/kinds.js';

/** Raised by whoever changes what a rule measures. */
const rulesRevision = 1;

const schema = z.object({
  objective: word,
  orientation: z.enum(['higher_is_better', 'lower_is_better']).default('higher_is_better'),
  threshold: finiteNumber.optional(),
  rules: z.array(rule).min(1).meta({ expected: 'a list of rules' }),
});

/** A file of rules with all defaults filled in, and with the content of files that it names. */
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
  const file = parseYaml(schema, source, { source: path });
  const directory = dirname(path);
  const rules = await Promise.all(file.rules.map(async (each) => (await kindOf(each).load?.(each, directory)) ?? each));
  return { ...file, rules };
}

/** SHA-256 (hex) of what decides a score: the rules in canonical form, so that comments and defaults do not matter. */
export function rulesVersion({ rules }: Rules): string {
  return configSha256({ rulesRevision, rules });
}
