/** The text of an OpenAI-compatible chat completion, in the formats that servers use. Pure. */
import { quoted } from '@gapo/http';
import { NoScore } from '@gapo/reward';
import { z } from '@gapo/service';
import { parsed } from '../protocols/protocol.js';

/** A part of content given as a list. */
const part = z.looseObject({ type: z.string(), text: z.string().optional(), refusal: z.string().optional() });

type Part = z.output<typeof part>;

/** Reasoning is in separate fields (reasoning_content, reasoning), which are not read. */
const choice = z.looseObject({
  finish_reason: z.string().nullish(),
  message: z.looseObject({
    content: z.union([z.string(), z.array(part)]).nullish(),
    refusal: z.string().nullish(),
  }),
  logprobs: z.unknown().optional(),
});
const reply = z.looseObject({ choices: z.array(choice) });

/** The first choice of a completion. */
export interface JudgeCompletion {
  /** Its text; empty if there is none. */
  readonly text: string;
  /** Whether the completion ended because it reached its maximum length. */
  readonly cutOff: boolean;
  readonly logprobs: unknown;
}

/**
 * Returns the text of a completion.
 *
 * @throws NoScore if the response has another format, or the model refused
 */
export function completionIn(answer: unknown): JudgeCompletion {
  const [first] = parsed(reply, answer, 'a chat completion: {"choices": [{"message": {"content"}}]}').choices;
  if (first === undefined) throw new NoScore('the answer has no choices; expected a chat completion with one');
  const { finish_reason: finish, message, logprobs } = first;
  const { content } = message;
  const parts: readonly Part[] = typeof content === 'string' ? [{ type: 'text', text: content }] : (content ?? []);
  const refusal = message.refusal ?? parts.find(({ type }) => type === 'refusal')?.refusal;
  if (typeof refusal === 'string' && refusal !== '') throw new NoScore(`the judge refused: ${quoted(refusal)}`);
  if (finish === 'content_filter') throw new NoScore('the judge gave no answer: finish_reason is content_filter');
  const text = parts.map(({ type, text = '' }) => (type === 'text' || type === 'output_text' ? text : '')).join('');
  return { text, cutOff: finish === 'length' || finish === 'max_tokens', logprobs };
}
