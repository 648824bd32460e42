/**
 * The chat format: how a request and an answer become the one text that the policy reads. Everything that makes or
 * reads such text goes through here; `chatTemplate` says the same in Jinja for programs that read the tokenizer.
 */

/** The special tokens in the order of their ids, from 0. */
export const specialTokens = ['<|pad|>', '<|bos|>', '<|end|>', '<|user|>', '<|assistant|>'] as const;

/** Fills a batch up to its length; id 0. */
export const padToken = specialTokens[0];
/** Begins every sequence; id 1. */
export const bosToken = specialTokens[1];
/** Ends every answer, and so generation; id 2. */
export const endToken = specialTokens[2];
/** Begins a request; id 3. */
export const userToken = specialTokens[3];
/** Begins an answer; id 4. */
export const assistantToken = specialTokens[4];

/** A request as the policy sees it, up to where its answer begins; without the `<|bos|>` that begins a sequence. */
export function promptText(request: string): string {
  return `${userToken}${request}${assistantToken}`;
}

/** An answer as the policy writes it, with the token that ends it. */
export function completionText(answer: string): string {
  return `${answer}${endToken}`;
}

/** A whole sequence: `<|bos|><|user|>REQUEST<|assistant|>ANSWER<|end|>`. */
export function sequenceText(request: string, answer: string): string {
  return `${bosToken}${promptText(request)}${completionText(answer)}`;
}

/** A plain text as a sequence of its own: `<|bos|>TEXT<|end|>`. */
export function plainText(text: string): string {
  return `${bosToken}${completionText(text)}`;
}

/** {@link sequenceText} as a Jinja template over `messages`, with `add_generation_prompt` for a prompt alone. */
export const chatTemplate = [
  '{{ bos_token }}',
  '{% for message in messages %}',
  `{% if message['role'] == 'user' %}${userToken}{{ message['content'] }}`,
  `{% elif message['role'] == 'assistant' %}${assistantToken}{{ message['content'] }}${endToken}`,
  "{% else %}{{ raise_exception('role ' + message['role'] + ': expected user or assistant') }}{% endif %}",
  '{% endfor %}',
  `{% if add_generation_prompt %}${assistantToken}{% endif %}`,
].join('');
