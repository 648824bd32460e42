/**
 * The token that pads a classifier's batches. Hugging Face scores the last token of a row that is another one, so that a token
 * that may end a conversation cannot pad.
 */
import type { JudgedConversation, Tokenizer } from '@gapo/model';

/** The keys of config.json with the tokens that come first, and the tokens that end a completion. */
export interface PaddingCandidates {
  readonly pad_token_id?: unknown;
  readonly bos_token_id?: unknown;
  readonly eosIds: readonly number[];
}

/** Replies that end in different tokens, unless the chat template writes something after them. */
const replies = ['a', 'No.', 'Yes!', '1'];

/**
 * Returns the first token that ends no conversation: the one that pads, the one that begins, the first of the vocabulary, one
 * that ends a completion. Where a conversation ends as its last turn does, any text may end it, and only special tokens remain.
 *
 * @returns undefined if there is none; Hugging Face then scores one conversation at a time
 */
export async function paddingId(
  { pad_token_id: pad, bos_token_id: bos, eosIds }: PaddingCandidates,
  tokenizer: Tokenizer,
  conversation: JudgedConversation,
): Promise<number | undefined> {
  const endings = new Set<number | undefined>();
  for (const content of replies) {
    const turns = [
      { role: 'user', content: 'a' },
      { role: 'assistant', content },
    ];
    endings.add((await conversation.encode(turns, Infinity))?.at(-1));
  }
  const ends = new Set([...endings, ...eosIds]);
  let first = 0;
  while (ends.has(first)) first++;
  const all = [pad, bos, tokenizer.bosId, first, ...eosIds].filter((id): id is number => typeof id === 'number');
  // Tokens that end a completion come last, since other programs may tell the end of a text by them.
  for (const id of [...all.filter((id) => !eosIds.includes(id)), ...all.filter((id) => eosIds.includes(id))]) {
    if (endings.has(id) || id < 0 || !tokenizer.hasToken(id)) continue;
    if (endings.size === 1 || (await isSpecial(tokenizer, id))) return id;
  }
  return undefined;
}

async function isSpecial(tokenizer: Tokenizer, id: number): Promise<boolean> {
  return (await tokenizer.decode([id])) === '' && (await tokenizer.decode([id], { specialTokens: 'keep' })) !== '';
}
