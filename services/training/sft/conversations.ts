/** The data: files of JSON lines in three forms, as sequences of which the completions are learned. */
import type { Sequence } from '@gapo/policy';
import { z } from '@gapo/service';
import { readLines } from '../descent/lines.js';

/** One turn of a conversation. */
export interface Turn {
  readonly role: string;
  readonly content: string;
}

/** How text becomes tokens. */
export interface TextEncoder {
  /** Token ids of a prompt, through the chat template where there is one. */
  encodePrompt(text: string): number[];
  encode(text: string, options?: { readonly addSpecialTokens: boolean }): number[];
  /** A conversation through the chat template, with the next reply opened where asked; undefined without a template. */
  renderChat(turns: readonly Turn[], openReply: boolean): string | undefined;
  /** Ends a completion. */
  readonly endId: number;
  /** The longest sequence, in tokens. */
  readonly context: number;
}

/** A line: what is learned of it. One sequence for each of the assistant's turns, everything before it as its prompt. */
export type Conversation = readonly Sequence[];

const text = z.string().min(1);
const line = z.union([
  z.strictObject({ text }),
  z.strictObject({ prompt: text, completion: text }),
  z.strictObject({ messages: z.array(z.strictObject({ role: text, content: z.string() })).min(1) }),
]);

const forms = '{"text"}, {"prompt", "completion"} or {"messages": [{"role", "content"}, ...]}';
/**
 * Reads files of JSON lines, each `{"text"}` (learned from its second token on), `{"prompt", "completion"}` or `{"messages"}`
 * (the assistant's turns are learned). Other keys are errors; empty lines are ignored.
 *
 * @throws UserError with `file:line: what is wrong` for each of the first few problems
 */
export async function readConversations(
  files: readonly string[],
  encoder: TextEncoder,
): Promise<readonly Conversation[]> {
  const { examples } = await readLines(files, forms, (value) => parseLine(value, encoder));
  return examples;
}

function parseLine(value: unknown, encoder: TextEncoder): Conversation {
  const parsed = line.safeParse(value);
  if (!parsed.success) throw new Error(`expected ${forms}, with nothing else`);
  const { data } = parsed;
  if ('messages' in data) return ofTurns(data.messages, encoder);
  if ('completion' in data) {
    return [fitting(encoder.encodePrompt(data.prompt), encoder.encode(data.completion), encoder)];
  }
  const [first, ...rest] = encoder.encode(data.text, { addSpecialTokens: true });
  if (first === undefined) throw new Error('the text has no tokens');
  return [fitting([first], rest, encoder)];
}

function ofTurns(turns: readonly Turn[], encoder: TextEncoder): Conversation {
  const learned = turns.flatMap(({ role }, i) => (role === 'assistant' ? [i] : []));
  if (learned.length === 0) throw new Error('no message has the role assistant: nothing of it can be learned');
  return learned.map((i) => {
    const prompt = encoder.renderChat(turns.slice(0, i), true);
    const whole = encoder.renderChat(turns.slice(0, i + 1), false);
    if (prompt === undefined || whole === undefined) {
      throw new Error(
        'the model has no chat template (chat_template in tokenizer_config.json); write prompt and completion',
      );
    }
    if (!whole.startsWith(prompt)) {
      throw new Error(`message ${i}: the chat template opens a reply in another way than it writes one`);
    }
    return fitting(encoder.encode(prompt), encoder.encode(whole.slice(prompt.length)), encoder);
  });
}

/** The completion ends with its first end token; what a template writes behind it belongs to the next turn. */
function fitting(promptIds: readonly number[], ids: readonly number[], { endId, context }: TextEncoder): Sequence {
  if (promptIds.length === 0) throw new Error('the prompt has no tokens');
  const end = ids.indexOf(endId);
  const completionIds = [...(end < 0 ? ids : ids.slice(0, end)), endId];
  const tokens = promptIds.length + completionIds.length;
  if (tokens > context) throw new Error(`it has ${tokens} tokens, the model's context is ${context}; shorten it`);
  return { promptIds, completionIds };
}
