/**
 * The chat format: how a request and an answer become the one text that the policy reads. Everything that makes or
 * reads such text goes through here; `CHAT_TEMPLATE` says the same in Jinja for programs that read the tokenizer.
 */

/** The special tokens in the order of their ids, from 0. */
export const SPECIAL_TOKENS = ['<|pad|>', '<|bos|>', '<|end|>', '<|user|>', '<|assistant|>'] as const;

/** Fills a batch up to its length; id 0. */
export const PAD_TOKEN = SPECIAL_TOKENS[0];
/** Begins every sequence; id 1. */
export const BOS_TOKEN = SPECIAL_TOKENS[1];
/** Ends every answer, and so generation; id 2. */
export const END_TOKEN = SPECIAL_TOKENS[2];
/** Begins a request; id 3. */
export const USER_TOKEN = SPECIAL_TOKENS[3];
/** Begins an answer; id 4. */
export const ASSISTANT_TOKEN = SPECIAL_TOKENS[4];

/** A request as the policy sees it, up to where its answer begins; without the `<|bos|>` that begins a sequence. */
export function promptText(request: string): string {
  return `${USER_TOKEN}${request}${ASSISTANT_TOKEN}`;
}

/** An answer as the policy writes it, with the token that ends it. */
export function completionText(answer: string): string {
  return `${answer}${END_TOKEN}`;
}

/** A whole sequence: `<|bos|><|user|>REQUEST<|assistant|>ANSWER<|end|>`. */
export function sequenceText(request: string, answer: string): string {
  return `${BOS_TOKEN}${promptText(request)}${completionText(answer)}`;
}

/** A plain text as a sequence of its own: `<|bos|>TEXT<|end|>`. */
export function plainText(text: string): string {
  return `${BOS_TOKEN}${completionText(text)}`;
}

/** {@link sequenceText} as a Jinja template over `messages`, with `add_generation_prompt` for a prompt alone. */
export const CHAT_TEMPLATE = [
  '{{ bos_token }}',
  '{% for message in messages %}',
  `{% if message['role'] == 'user' %}${USER_TOKEN}{{ message['content'] }}`,
  `{% elif message['role'] == 'assistant' %}${ASSISTANT_TOKEN}{{ message['content'] }}${END_TOKEN}`,
  "{% else %}{{ raise_exception('role ' + message['role'] + ': expected user or assistant') }}{% endif %}",
  '{% endfor %}',
  `{% if add_generation_prompt %}${ASSISTANT_TOKEN}{% endif %}`,
].join('');
