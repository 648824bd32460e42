/**
 * Reads generation_config.json. Its end-of-sequence tokens end completions. Its sampling settings have no effect,
 * because the run configuration determines how gapo samples.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { ModelError } from '../errors.js';
import { readJson, exists } from '../files.js';
import { type KeyOptions, type KnownKeys, checkKeys, joinedKeys, neutral } from '../knownKeys.js';
import { tokenIds, problemsOf } from './keys.js';

/** The sampling settings of generation_config.json, which older versions of transformers wrote into config.json. */
export const samplingKeys: KnownKeys = {
  used: [],
  harmless: [
    // They set sampling, which the run configuration determines.
    'decoder_start_token_id',
    'diversity_penalty',
    'do_sample',
    'dola_layers',
    'early_stopping',
    'encoder_no_repeat_ngram_size',
    'encoder_repetition_penalty',
    'epsilon_cutoff',
    'eta_cutoff',
    'exponential_decay_length_penalty',
    'length_penalty',
    'max_length',
    'max_new_tokens',
    'max_time',
    'min_length',
    'min_new_tokens',
    'min_p',
    'no_repeat_ngram_size',
    'num_beam_groups',
    'num_beams',
    'num_return_sequences',
    'penalty_alpha',
    'prefix',
    'remove_invalid_values',
    'renormalize_logits',
    'repetition_penalty',
    'temperature',
    'token_healing',
    'top_h',
    'top_k',
    'top_p',
    'typical_p',
    // They select what a call returns.
    'output_attentions',
    'output_hidden_states',
    'output_logits',
    'output_scores',
    'return_dict_in_generate',
    // They select how transformers generates the same tokens.
    'assistant_confidence_threshold',
    'assistant_early_exit',
    'assistant_ensemble_weight',
    'assistant_lookbehind',
    'cache_config',
    'cache_implementation',
    'compile_config',
    'continuous_batching_config',
    'disable_compile',
    'is_assistant',
    'low_memory',
    'max_cache_len',
    'max_matching_ngram_size',
    'num_assistant_tokens',
    'num_assistant_tokens_schedule',
    'prefill_chunk_size',
    'prompt_lookup_num_tokens',
    'return_legacy_cache',
    'speculation_type',
    'target_lookbehind',
    'use_cache',
    'use_mtp',
  ],
  neutral: {
    bad_words_ids: neutral('no token is forbidden', null, []),
    begin_suppress_tokens: neutral('no token is forbidden', null, []),
    constraints: neutral('no token is forced', null, []),
    force_words_ids: neutral('no token is forced', null, []),
    forced_bos_token_id: neutral('no token is forced', null),
    forced_decoder_ids: neutral('no token is forced', null, []),
    forced_eos_token_id: neutral('no token is forced', null),
    guidance_scale: neutral('logits are those of one prompt', null, 1),
    sequence_bias: neutral('logits are not biased', null, {}, []),
    stop_strings: neutral('tokens end a completion, not texts', null, [], ''),
    suppress_tokens: neutral('no token is forbidden', null, []),
    watermarking_config: neutral('logits are not biased', null, {}),
  },
};

const generationKeys = joinedKeys(samplingKeys, {
  used: ['eos_token_id'],
  harmless: [
    // They describe the file.
    'transformers_version',
    '_from_model_config',
    '_commit_hash',
    'trust_remote_code',
    // They name tokens, which the tokenizer determines.
    'bos_token_id',
    'pad_token_id',
    'unk_token_id',
  ],
});

const eosSchema = z.object({ eos_token_id: tokenIds.nullish() });

/**
 * Returns the end-of-sequence tokens of a config.json or generation_config.json.
 *
 * @throws ModelError if they are not token ids
 */
export function eosTokens(path: string, json: unknown): readonly number[] {
  const parsed = eosSchema.safeParse(json);
  if (!parsed.success) throw new ModelError(path, problemsOf(parsed.error));
  return [parsed.data.eos_token_id ?? []].flat();
}

/**
 * Returns the end-of-sequence tokens of DIR/generation_config.json; none if there is no such file.
 *
 * @throws ModelError with every key that would change which tokens are sampled
 */
export async function generationEosIds(directory: string, options: KeyOptions): Promise<readonly number[]> {
  const path = join(directory, 'generation_config.json');
  if (!(await exists(path))) return [];
  const { json, problems } = checkKeys(await readJson(path), generationKeys, options);
  if (problems.length > 0) throw new ModelError(path, problems.join('; '));
  return eosTokens(path, json);
}
