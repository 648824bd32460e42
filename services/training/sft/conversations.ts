/** Training data of supervised fine-tuning, read as sequences whose completions are learned. */
import { type DataFile, type DataFormat, type Learned, learnedForm, readRecords, type ReadOptions } from '@gapo/data';
import type { TextCodec, TokenSequence } from '@gapo/model';
import { at } from '@gapo/numeric';

/** The sequences of one row: one per turn of the assistant, with all earlier turns as its prompt. */
export type Conversation = readonly TokenSequence[];

function format(codec: TextCodec): DataFormat<Learned, Conversation> {
  return {
    shape: '{"text"}, {"prompt", "completion"} or {"messages": [{"role", "content"}, ...]}',
    form: learnedForm,
    encode: async (forms) => {
      const conversations = await codec.conversations(forms.flatMap((form) => ('turns' in form ? [form.turns] : [])));
      const single = await codec.learned(forms.flatMap((form) => ('turns' in form ? [] : [form])));
      let [conversation, sequence] = [0, 0];
      return forms.map((form) => {
        if ('turns' in form) return at(conversations, conversation++);
        const found = at(single, sequence++);
        return 'value' in found ? { ...found, value: [found.value] } : found;
      });
    },
  };
}

/**
 * Reads texts (learned from their second token on), prompts with completions, and conversations (the assistant's turns are
 * learned), in the forms of {@link learnedForm}.
 *
 * @throws UserError that names the first invalid rows
 */
export async function readConversations(
  files: readonly string[],
  codec: TextCodec,
  options: ReadOptions = {},
): Promise<{ readonly conversations: readonly Conversation[]; readonly files: readonly DataFile[] }> {
  const conversations: Conversation[] = [];
  const read = await readRecords(files, format(codec), (conversation) => conversations.push(conversation), options);
  return { conversations, files: read };
}
