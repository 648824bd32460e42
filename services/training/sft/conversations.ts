/** Training data: files of JSON lines in three forms, read as sequences whose completions are learned. */
import type { TextCodec, TokenSequence } from '@gapo/model';
import { nonEmptyText, readJsonLines, z } from '@gapo/service';

/** The sequences of one line: one per turn of the assistant, with all earlier turns as its prompt. */
export type Conversation = readonly TokenSequence[];

const message = z.strictObject({ role: nonEmptyText, content: z.string() });
const line = z.union([
  z.strictObject({ text: nonEmptyText }),
  z.strictObject({ prompt: nonEmptyText, completion: nonEmptyText }),
  z.strictObject({ messages: z.array(message).min(1) }),
]);

/**
 * Reads lines `{"text"}` (learned from its second token on), `{"prompt", "completion"}` or `{"messages"}` (the assistant's
 * turns are learned). Other keys are errors.
 *
 * @throws UserError that names the first invalid lines
 */
export async function readConversations(files: readonly string[], codec: TextCodec): Promise<readonly Conversation[]> {
  const { records } = await readJsonLines(files, {
    shape: '{"text"}, {"prompt", "completion"} or {"messages": [{"role", "content"}, ...]}',
    schema: line,
    record: async (value): Promise<Conversation> => {
      if ('messages' in value) return codec.conversation(value.messages);
      return [
        'completion' in value ? await codec.exchange(value.prompt, value.completion) : await codec.text(value.text),
      ];
    },
  });
  return records;
}
