/**
 * The tokenizer of the assistant as Hugging Face files: fits the encoding on text of the generator and writes it down
 * in the form that `tokenizers` and `transformers` load.
 */
import { fitBytePairs, type BytePairEncoding } from './bpe.js';
import { labelledAnswers, pretrainingText, wideMixture } from './corpus.js';
import { bosToken, chatTemplate, endToken, padToken, specialTokens } from './template.js';

/** Tokens in all: special ones, 256 bytes, and merges. */
export const vocabularySize = 1536;

/** Sequences of the generator that the encoding is fitted on. */
const fittingTexts = 12_000;

/** Longest sequence the assistant is meant for, in tokens. */
const modelMaxLength = 128;

/** The files by name, each a JSON value. */
export interface TokenizerFiles {
  readonly 'tokenizer.json': object;
  readonly 'tokenizer_config.json': object;
  readonly 'special_tokens_map.json': object;
}

/** Fits the assistant's encoding on generated text: training combinations only. */
export function fitAssistantEncoding(seed: number): BytePairEncoding {
  const special = new RegExp(specialTokens.map((token) => token.replaceAll('|', '\\|')).join('|'));
  const texts = pretrainingText(seed, fittingTexts).flatMap((text) => text.split(special));
  const answers = labelledAnswers(seed, fittingTexts / 4, 'training', wideMixture).flatMap(({ prompt, completion }) => [
    prompt,
    completion,
  ]);
  return fitBytePairs([...texts, ...answers], vocabularySize, specialTokens);
}

/** Writes an encoding as the files of a Hugging Face tokenizer. */
export function tokenizerFiles(encoding: BytePairEncoding): TokenizerFiles {
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  const special = specialTokens.map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  const roles = { bos_token: bosToken, eos_token: endToken, pad_token: padToken };
  return {
    'tokenizer.json': {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: special,
      normalizer: null,
      pre_tokenizer: byteLevel,
      post_processor: byteLevel,
      decoder: byteLevel,
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        vocab: Object.fromEntries(encoding.vocabulary),
        merges: encoding.merges.map(([left, right]) => `${left} ${right}`),
      },
    },
    'tokenizer_config.json': {
      tokenizer_class: 'PreTrainedTokenizerFast',
      ...roles,
      model_max_length: modelMaxLength,
      clean_up_tokenization_spaces: false,
      add_bos_token: false,
      add_prefix_space: false,
      added_tokens_decoder: Object.fromEntries(special.map(({ id, ...token }) => [String(id), token])),
      chat_template: chatTemplate,
    },
    'special_tokens_map.json': roles,
  };
}
