/** For tests: a tokenizer of bytes, and a model directory with a tokenizer of five letters. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomDecoder, readDecoderConfig, type TextTokenizer, writeSafetensors } from '@gapo/model';
import { specialToken } from '@gapo/model/testing';

const vocabulary = ['<unk>', '<s>', '</s>', 'a', 'b', 'c', 'd', 'e'];

/** Every byte is a token, and there is no chat template. */
export const byteTokenizer: TextTokenizer = {
  affixes: { prepended: [], appended: [] },
  bosId: undefined,
  longestToken: 100,
  encodeAll: async (texts) => texts.map((text) => [...Buffer.from(text)]),
  decode: async (ids) => Buffer.from(ids).toString(),
  renderChat: () => undefined,
};

/** Writes a decoder of a few hundred weights with a vocabulary of five letters. */
export async function writeLetterModel(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  const config = {
    model_type: 'llama',
    vocab_size: vocabulary.length,
    hidden_size: 8,
    intermediate_size: 8,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    num_key_value_heads: 2,
    max_position_embeddings: 32,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: true,
    bos_token_id: 1,
    eos_token_id: 2,
  };
  const tokenizer = {
    version: '1.0',
    added_tokens: vocabulary.slice(0, 3).map(specialToken),
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: { type: 'Fuse' },
    model: {
      type: 'BPE',
      unk_token: '<unk>',
      vocab: Object.fromEntries(vocabulary.map((text, id) => [text, id])),
      merges: [],
    },
  };
  await writeFile(join(directory, 'config.json'), JSON.stringify(config));
  await writeFile(join(directory, 'tokenizer.json'), JSON.stringify(tokenizer));
  await writeFile(join(directory, 'tokenizer_config.json'), JSON.stringify({ bos_token: '<s>', eos_token: '</s>' }));
  await writeSafetensors(join(directory, 'model.safetensors'), randomDecoder(await readDecoderConfig(directory), 1));
}
