/** The options of a request for completions, and their checks. */
import type { DecoderConfig } from '@gapo/model';
import type { Drawing } from './drawing.js';

/** A prompt to complete. */
export interface SamplingPrompt {
  /** The prompt's index in the data set, a counter of its random numbers. */
  readonly index: number;
  /** Token ids, including the beginning-of-sequence token. */
  readonly ids: readonly number[];
}

/** How tokens are drawn. */
export interface SamplingOptions {
  /** Divides the logits; 0 takes the most probable token. */
  readonly temperature: number;
  /** Maximum number of tokens, including the end-of-sequence token. */
  readonly maxNewTokens: number;
  readonly samplesPerPrompt: number;
  readonly seed: number;
  /** The training step, a counter of the random numbers. */
  readonly step: number;
  /** Draws from the topK most probable tokens and those tied with the last of them. 0: all. @default 0 */
  readonly topK?: number;
  /** Draws from the fewest most probable tokens whose probabilities sum to at least this. 1: all. @default 1 */
  readonly topP?: number;
  /** Draws from tokens whose probability is at least this fraction of the largest. 0: all. @default 0 */
  readonly minP?: number;
  /** Divides positive logits of tokens in the prompt and the completion, and multiplies negative ones. @default 1 */
  readonly repetitionPenalty?: number;
  /** Ends a completion at the token that completes one of these texts. @default none */
  readonly stop?: readonly string[];
  /**
   * Rows sampled at once; others wait until one ends. In rare cases a token may depend on it through rounding. @default
   * all
   */
  readonly batch?: number;
  /** Called before each stretch: whether to stop sampling. @default never */
  readonly stopped?: () => boolean;
}

/**
 * The nodes that the options need. With greedy decoding, truncation changes nothing and needs none.
 *
 * @param masked whether some ids may not be drawn
 */
export function drawingOf(
  { temperature, topK = 0, topP = 1, minP = 0, repetitionPenalty = 1 }: SamplingOptions,
  masked: boolean,
): Drawing {
  const greedy = temperature === 0;
  return {
    greedy,
    masked,
    repetitionPenalty: repetitionPenalty !== 1,
    topK: !greedy && topK > 0,
    topP: !greedy && topP < 1,
    minP: !greedy && minP > 0,
  };
}

const longestStop = 256;
const mostStops = 16;

/**
 * Checks a request.
 *
 * @throws RangeError with the field's wire name, what was found and what was expected
 */
export function checkSampling(
  config: DecoderConfig,
  prompts: readonly SamplingPrompt[],
  options: SamplingOptions,
): void {
  const { temperature, maxNewTokens, topK = 0, topP = 1, minP = 0, repetitionPenalty = 1, stop = [], batch } = options;
  const refuse = (field: string, found: unknown, expected: string): never => {
    throw new RangeError(`${field} is ${String(found)}; it must be ${expected}`);
  };
  if (!(temperature >= 0 && Number.isFinite(temperature))) refuse('temperature', temperature, '0 or more');
  if (!(maxNewTokens >= 1)) refuse('max_new_tokens', maxNewTokens, '1 or more');
  if (!Number.isInteger(topK) || topK < 0) refuse('top_k', topK, 'a whole number, 0 for all tokens');
  if (!(topP > 0 && topP <= 1)) refuse('top_p', topP, 'above 0 and at most 1');
  if (!(minP >= 0 && minP <= 1)) refuse('min_p', minP, 'between 0 and 1');
  if (!(repetitionPenalty > 0 && Number.isFinite(repetitionPenalty))) {
    refuse('repetition_penalty', repetitionPenalty, 'above 0, 1 for none');
  }
  if (stop.length > mostStops) refuse('stop', `a list of ${stop.length} texts`, `at most ${mostStops}`);
  stop.forEach((text, i) => {
    if (text.length === 0 || text.length > longestStop) {
      refuse(`stop[${i}]`, `a text of ${text.length} characters`, `1 to ${longestStop} characters long`);
    }
  });
  if (batch !== undefined && !(Number.isInteger(batch) && batch >= 1)) refuse('batch', batch, '1 or more');
  for (const { ids, index } of prompts) {
    if (ids.length === 0) throw new RangeError(`prompt ${index} has no tokens; it needs at least one`);
    if (ids.length >= config.context) {
      throw new RangeError(
        `prompt ${index} has ${ids.length} tokens, which leaves no room in the model's context of ${config.context}`,
      );
    }
    const bad = ids.find((id) => id >= config.vocabulary);
    if (bad !== undefined) {
      throw new RangeError(`prompt ${index} has token id ${bad}; the vocabulary has ${config.vocabulary}`);
    }
  }
}
