/**
 * Converts completions to the items of a reward service, in the text form that the service reads.
 */
import type { TextForm } from '@gapo/config';
import type { Tokenizer } from '@gapo/model';
import { at } from '@gapo/numeric';
import type { Item } from '@gapo/rpc';
import type { PromptRecord } from '@gapo/run-data';

/** A completion to score. */
export interface Completion {
  /** Unique within a batch. */
  readonly id: string;
  readonly prompt: Pick<PromptRecord, 'metadata' | 'text' | 'tokenIds' | 'turns'>;
  readonly tokenIds: readonly number[];
}

/** Returns a batch's items in a text form. Ids and order are the same in every form. */
export type ItemsOf = (form: TextForm) => Promise<readonly Item[]>;

/** Returns the items of completions. Each form is decoded on first use. */
export function completionItems(tokenizer: Pick<Tokenizer, 'decodeAll'>, completions: readonly Completion[]): ItemsOf {
  const decoded = new Map<TextForm, Promise<readonly Item[]>>();
  return (form) => {
    const items = decoded.get(form) ?? itemsIn(form, tokenizer, completions);
    decoded.set(form, items);
    return items;
  };
}

async function itemsIn(
  form: TextForm,
  tokenizer: Pick<Tokenizer, 'decodeAll'>,
  completions: readonly Completion[],
): Promise<readonly Item[]> {
  const specialTokens = form === 'clean' ? 'omit' : 'keep';
  const texts = await tokenizer.decodeAll(
    completions.map(({ tokenIds }) => tokenIds),
    { specialTokens },
  );
  const prompts =
    form === 'clean'
      ? completions.map(({ prompt }) => prompt.text)
      : await tokenizer.decodeAll(
          completions.map(({ prompt }) => prompt.tokenIds),
          { specialTokens },
        );
  return completions.map(({ id, prompt: { metadata, turns } }, i) => ({
    id,
    metadata: { ...metadata },
    turns: [...turns],
    prompt: at(prompts, i),
    completion: at(texts, i),
  }));
}
