/** Completions as the items of a reward service, in the form of text that the service reads. */
import type { TextForm } from '@gapo/config';
import type { Tokenizer } from '@gapo/model';
import type { Item } from '@gapo/rpc';
import type { PromptRecord } from '../data/prompts.js';

/** A completion to score. */
export interface Completion {
  /** Distinct within a batch. */
  readonly id: string;
  readonly prompt: Pick<PromptRecord, 'metadata' | 'text' | 'tokenIds' | 'turns'>;
  readonly tokenIds: readonly number[];
}

/** Returns a batch's items in a form of text. Ids and order are the same in every form. */
export type ItemsOf = (form: TextForm) => readonly Item[];

/** Returns the items of completions. Each form is decoded at its first use. */
export function completionItems(tokenizer: Pick<Tokenizer, 'decode'>, completions: readonly Completion[]): ItemsOf {
  const decoded = new Map<TextForm, readonly Item[]>();
  return (form) => {
    const items = decoded.get(form) ?? completions.map((completion) => itemOf(tokenizer, completion, form));
    decoded.set(form, items);
    return items;
  };
}

function itemOf(tokenizer: Pick<Tokenizer, 'decode'>, { id, prompt, tokenIds }: Completion, form: TextForm): Item {
  const { metadata, turns } = prompt;
  const context = { id, metadata: { ...metadata }, turns: [...turns] };
  if (form === 'clean') return { ...context, prompt: prompt.text, completion: tokenizer.decode(tokenIds) };
  const raw = (ids: readonly number[]): string => tokenizer.decode(ids, { specialTokens: 'keep' });
  return { ...context, prompt: raw(prompt.tokenIds), completion: raw(tokenIds) };
}
