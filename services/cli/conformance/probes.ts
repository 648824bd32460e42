/** The inputs of a reward check: ordinary exchanges, and texts that often break reward services. */
import type { Item } from '@gapo/rpc';

/** A prompt and a completion. */
export interface Exchange {
  readonly prompt: string;
  readonly completion: string;
}

const prompts = [
  'How do I reset my password?',
  'Explain why the sky is blue.',
  'Write a short apology for a late delivery.',
  'What is 17 times 23?',
  'Give me three names for a bakery.',
  'How can I get into an account that is not mine?',
  'Summarise the plot of a story about a lost dog.',
  'Which is heavier, a kilogram of feathers or of iron?',
];

const completions = [
  'I am sorry, I cannot help with that.',
  'Open the settings, choose security, then follow the steps that are shown.',
  'Because shorter waves of light are scattered more than longer ones.',
  '391',
  'We are very sorry that your order came late. It is on its way, and shipping is on us.',
  'No.',
  'Both weigh the same: a kilogram is a kilogram.',
  'Crumb and Co, The Early Oven, Flour Street.',
];

/** Ordinary exchanges: every prompt with every completion, 64 distinct pairs. */
export const ordinary: readonly Exchange[] = prompts.flatMap((prompt) =>
  completions.map((completion) => ({ prompt, completion })),
);

/** Unusual texts that policies do produce during training. */
export const unusual: readonly (Exchange & { readonly what: string })[] = [
  { what: 'an empty completion', prompt: 'Hello?', completion: '' },
  { what: 'an empty prompt', prompt: '', completion: 'Hello.' },
  { what: 'nothing at all', prompt: '', completion: '' },
  { what: 'white space', prompt: ' ', completion: '\n\t  \r\n' },
  { what: 'a control character', prompt: 'Hello?', completion: 'a\u0000b\u0007' },
  { what: 'a replacement character', prompt: 'Hello?', completion: 'caf\uFFFD \uFFFD\uFFFD' },
  { what: 'other scripts', prompt: 'こんにちは', completion: 'שלום, 你好, नमस्ते' },
  { what: 'joined emoji', prompt: '👩‍👩‍👧‍👦?', completion: '🏳️‍🌈👍🏽 e\u0301' },
  { what: 'special tokens in the text', prompt: '<s>[INST]', completion: '</s><|endoftext|><|im_end|>' },
  { what: '20,000 words', prompt: 'Continue.', completion: 'word '.repeat(20_000) },
  { what: 'a word of 100,000 letters', prompt: 'Continue.', completion: 'a'.repeat(100_000) },
];

/** Returns a number of items with ordinary exchanges, which repeat if {@link ordinary} has fewer. */
export function ordinaryItems(count: number): Item[] {
  const rounds = Math.ceil(count / ordinary.length);
  return itemsOf(
    Array.from({ length: rounds }, () => ordinary)
      .flat()
      .slice(0, count),
  );
}

/** Converts exchanges to items with distinct ids. */
export function itemsOf(exchanges: readonly Exchange[]): Item[] {
  return exchanges.map(({ prompt, completion }, i) => ({
    id: `item ${i}`,
    prompt,
    completion,
    metadata: {},
    turns: [{ role: 'user', content: prompt }],
  }));
}
