/** Prompts of a policy that is told the preference in the last turn of the user. */
import { conditionOf, objectiveNames, telling, type Telling } from '@gapo/config';
import type { Prompt, TextTokenizer } from '@gapo/model';
import { at } from '@gapo/numeric';
import { preferenceLevels } from '@gapo/objectives';
import type { PromptRecord } from './prompts.js';
import type { DataConfig } from './runData.js';

/** Returns a record's prompt, to encode it with a preference. */
export function promptOf({ turns, whole }: Pick<PromptRecord, 'turns' | 'whole'>): Prompt {
  return { text: whole, turns };
}

/** Returns a prompt whose last turn of the user tells the preference; its last turn if the user has none. */
export function withPreference({ text, turns }: Prompt, tell: Telling): Prompt {
  const user = turns.findLastIndex(({ role }) => role === 'user');
  const place = user === -1 ? turns.length - 1 : user;
  return {
    text: text === undefined ? undefined : tell(text),
    turns: turns.map((turn, i) => (i === place ? { ...turn, content: tell(turn.content) } : turn)),
  };
}

/**
 * Returns the telling with the most tokens of those for one objective alone and for equal shares, which a prompt must leave room for;
 * undefined if the policy is not told the preference.
 */
export async function longestTelling(
  config: DataConfig,
  tokenizer: Pick<TextTokenizer, 'encodeAll'>,
): Promise<Telling | undefined> {
  const condition = conditionOf(config);
  if (condition === undefined) return undefined;
  const names = objectiveNames(config);
  const corners = names.map((name) => names.map((other) => (other === name ? 1 : 0)));
  const all = [...corners, names.map(() => 1)].map((preference) =>
    telling(condition, names, preferenceLevels(preference, condition.levels)),
  );
  const lengths = (await tokenizer.encodeAll(all.map((tell) => tell('')))).map(({ length }) => length);
  return at(all, lengths.indexOf(Math.max(...lengths)));
}
