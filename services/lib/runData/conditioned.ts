/** Prompts of a conditioned policy, which state the preference in the last user turn. */
import { conditionOf, objectiveNames, conditionerOf, type Conditioner } from '@gapo/config';
import type { Prompt, TextTokenizer } from '@gapo/model';
import { at } from '@gapo/numeric';
import { preferenceLevels } from '@gapo/objectives';
import type { PromptRecord } from './prompts.js';
import type { DataConfig } from './runData.js';

/** Returns a record's prompt, to encode it with a preference. */
export function promptOf({ turns, whole }: Pick<PromptRecord, 'turns' | 'whole'>): Prompt {
  return { text: whole, turns };
}

/** Returns a prompt whose last user turn states the preference; its last turn if the user has none. */
export function withPreference({ text, turns }: Prompt, conditioner: Conditioner): Prompt {
  const user = turns.findLastIndex(({ role }) => role === 'user');
  const place = user === -1 ? turns.length - 1 : user;
  return {
    text: text === undefined ? undefined : conditioner(text),
    turns: turns.map((turn, i) => (i === place ? { ...turn, content: conditioner(turn.content) } : turn)),
  };
}

/**
 * Returns the conditioner that adds the most tokens, of those for one objective alone and for equal shares. A prompt must leave room for
 * it. Undefined if the policy is not conditioned on the preference.
 */
export async function longestConditioner(
  config: DataConfig,
  tokenizer: Pick<TextTokenizer, 'encodeAll'>,
): Promise<Conditioner | undefined> {
  const condition = conditionOf(config);
  if (condition === undefined) return undefined;
  const names = objectiveNames(config);
  const corners = names.map((name) => names.map((other) => (other === name ? 1 : 0)));
  const all = [...corners, names.map(() => 1)].map((preference) =>
    conditionerOf(condition, names, preferenceLevels(preference, condition.levels)),
  );
  const lengths = (await tokenizer.encodeAll(all.map((conditioner) => conditioner('')))).map(({ length }) => length);
  return at(all, lengths.indexOf(Math.max(...lengths)));
}
