/** Preference conditioning: which λ each prompt of a step gets, and the prompt that states it. */
import { conditionOf, objectiveNames, conditionerOf, type RunConfig } from '@gapo/config';
import type { DecoderConfig } from '@gapo/model';
import { at, deriveSeed } from '@gapo/numeric';
import { drawPreference } from '@gapo/objectives';
import {
  promptOf,
  withPreference,
  type DrawnPrompt,
  type EncodingOptions,
  type PolicyTokenizer,
  type PromptRecord,
} from '@gapo/run-data';
import { UserError } from '@gapo/service';
import type { Sample } from '../../data/batch.js';

/** The levels of the objectives, in their order. They sum to `policy.condition.levels`. */
export type Levels = readonly number[];

/** Returns λ: the levels divided by their sum. */
export function preferenceOf(levels: Levels): number[] {
  const sum = levels.reduce((total, level) => total + level, 0);
  return levels.map((level) => level / sum);
}

/**
 * Returns the completions with their original prompts, as for a policy that is not conditioned on the
 * preference.
 */
export function withOriginalPrompts(
  samples: readonly Sample[],
  drawn: readonly Pick<DrawnPrompt, 'record'>[],
): Sample[] {
  return samples.map((sample) => ({ ...sample, promptIds: at(drawn, sample.prompt).record.tokenIds }));
}

/** The conditioning of one run. */
export interface Conditioning {
  /** Draws the levels of each prompt of a step. */
  readonly draw: (step: number, prompts: readonly Pick<DrawnPrompt, 'counter'>[]) => readonly Levels[];
  /**
   * Encodes prompts with their levels.
   *
   * @returns the token ids of each prompt, or why it cannot be used
   */
  readonly encode: (
    prompts: readonly Pick<PromptRecord, 'turns' | 'whole'>[],
    levels: readonly Levels[],
  ) => Promise<readonly (readonly number[] | string)[]>;
}

/** Returns the conditioning of a run; undefined if its policy is not conditioned on the preference. */
export function conditioningOf(
  config: RunConfig,
  decoder: DecoderConfig,
  tokens: Pick<PolicyTokenizer, 'encodePrompts'>,
): Conditioning | undefined {
  const condition = conditionOf(config);
  if (condition === undefined) return undefined;
  const names = objectiveNames(config);
  const seed = deriveSeed(config.seed, 'preference');
  return {
    draw: (step, prompts) =>
      prompts.map(({ counter }) => drawPreference({ objectives: names.length, ...condition }, seed, step, counter)),
    encode: (prompts, levels) =>
      tokens.encodePrompts(
        prompts.map((prompt, i) => withPreference(promptOf(prompt), conditionerOf(condition, names, at(levels, i)))),
        encodingOptions(config, decoder),
      ),
  };
}

/** Returns how a run's prompts are encoded. */
export function encodingOptions(
  { rollout }: Pick<RunConfig, 'rollout'>,
  { context, eosIds, vocabulary }: DecoderConfig,
): EncodingOptions {
  return { decoder: { context, eosIds, vocabulary }, reserved: rollout.maxNewTokens };
}

/**
 * Encodes records' prompts with their levels.
 *
 * @throws UserError naming a prompt that exceeds the model's context once its levels are added
 */
export async function encodeConditioned(
  conditioning: Conditioning,
  records: readonly PromptRecord[],
  levels: readonly Levels[],
): Promise<readonly (readonly number[])[]> {
  return (await conditioning.encode(records, levels)).map((encoded, i) => {
    if (typeof encoded !== 'string') return encoded;
    throw new UserError(`prompt ${at(records, i).id} with policy.condition.text applied: ${encoded}`);
  });
}
