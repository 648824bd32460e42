/**
 * The keys of tokenizer_config.json. Most describe text processing in transformers that gapo handles itself or does not
 * need: padding, truncation, vision and audio. tokenizer.json determines how texts are encoded.
 */
import { type KnownKeys, joinedKeys, neutral } from '../knownKeys.js';

/** The standard special tokens, in the order in which missing ones are added to the vocabulary. */
export const standardTokens = [
  'bos_token',
  'eos_token',
  'unk_token',
  'sep_token',
  'pad_token',
  'cls_token',
  'mask_token',
] as const;

const configKeys: KnownKeys = {
  used: [
    ...standardTokens,
    'added_tokens_decoder',
    'additional_special_tokens',
    'chat_template',
    'clean_up_tokenization_spaces',
    'clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output',
    'extra_special_tokens',
    'model_max_length', // a classifier's longest sequence
    'model_specific_special_tokens',
    // Compared with tokenizer.json if the class follows them.
    'add_prefix_space',
    'do_lower_case',
    'split_by_punct',
    'strip_accents',
    'tokenize_chinese_chars',
    'tokenizer_class',
  ],
  harmless: [
    // Transformers 5 drops them if there is a tokenizer.json, whose post-processor determines which tokens surround a text.
    'add_bos_token',
    'add_eos_token',
    // They describe the file, and where it was.
    'auto_map', // gapo never runs code from a checkpoint. Neither does transformers, unless told to trust it
    'backend',
    'device_map',
    'files_loaded',
    'from_slow',
    'init_inputs',
    'is_local',
    'local_files_only',
    'merges_file',
    'name_or_path',
    'processor_class',
    'slow_tokenizer_class',
    'sp_model_file',
    'special_tokens_map_file',
    'spm_file',
    'subfolder',
    'tokenizer_file',
    'tokenizer_type',
    'transformers.js_config',
    'transformers_version',
    'trust_remote_code',
    'unsloth_fixed',
    'unsloth_version',
    'use_fast',
    'verbose',
    'vocab_file',
    '_commit_hash',
    '_from_auto',
    '_unsloth_fixed',
    // They control padding and truncation of batches, or select what a call returns.
    'max_len',
    'max_length',
    'model_input_names',
    'pad_to_max_length',
    'pad_to_multiple_of',
    'pad_token_id',
    'pad_token_type_id',
    'padding',
    'padding_side',
    'padding_strategy',
    'return_tensors',
    'return_token_type_ids',
    'stride',
    'trim_offsets',
    'truncation',
    'truncation_side',
    'truncation_strategy',
    // Ids that are in the vocabulary too.
    'bos_token_id',
    'cls_token_id',
    'eos_token_id',
    'mask_token_id',
    'sep_token_id',
    'unk_id',
    'unk_token_id',
    // They only affect the Python implementations, which do not read tokenizer.json, or the conversion to it.
    'add_dummy_prefix',
    'clean_text',
    'do_basic_tokenize',
    'errors',
    'extra_ids',
    'fuse_unk',
    'keep_accents',
    'legacy',
    'legacy_behaviour',
    'never_split',
    'offset',
    'remove_space',
    'sp_model_kwargs',
    'spaces_between_special_tokens',
    'use_default_system_prompt',
    'vocab_type',
    'wordpieces_prefix',
    // They parse or mark replies after decoding.
    'chat_control_tokens',
    'response_schema',
    'response_template',
    // They control the processing of images, audio and tables.
    'audio_seq_length',
    'cls_token_box',
    'image_seq_length',
    'image_size',
    'max_pixels',
    'min_pixels',
    'only_label_first_subword',
    'pad_token_box',
    'pad_token_label',
    'patch_size',
    'sep_token_box',
    // They specify the target language of a translation.
    'language',
    'language_codes',
    'src_lang',
    'task',
    'tgt_lang',
  ],
  neutral: {
    split_special_tokens: neutral('special tokens in a text become single ids', false, null),
    fix_mistral_regex: neutral(
      'transformers then splits texts by another pattern than that of a tokenizer.json from before transformers 5',
      false,
      null,
    ),
  },
};

/**
 * Returns the known keys of a tokenizer_config.json. Each text or token named `…_token`, such as `image_token`, is a special
 * token and a variable of the chat template.
 */
export function tokenizerConfigKeys(config: Readonly<Record<string, unknown>>): KnownKeys {
  return joinedKeys(configKeys, { used: Object.keys(config).filter((key) => isNamedToken(key, config[key])) });
}

function isNamedToken(key: string, value: unknown): boolean {
  const hasContent = typeof value === 'object' && value !== null && 'content' in value;
  return key.endsWith('_token') && (typeof value === 'string' || hasContent);
}
