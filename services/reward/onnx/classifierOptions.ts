/**
 * Classifier options that Hugging Face's config.json lacks: `reward.yaml` in the classifier's directory, or the same keys
 * as `gapo_reward` in config.json.
 *
 * ```yaml
 * objective: helpful
 * input: pair
 * label: helpful
 * function_to_apply: softmax
 * ```
 */
import { finiteNumber, nonEmptyText, nonNegativeInt, positiveInt, word, z } from '@gapo/service';
import { itemText } from '../encoding/itemText.js';

export const classifierOptions = z
  .object({
    objective: word.optional(),
    orientation: z.enum(['higher_is_better', 'lower_is_better']).default('higher_is_better'),
    threshold: finiteNumber.optional(),
    minimum: finiteNumber.optional(),
    maximum: finiteNumber.optional(),
    file: nonEmptyText.meta({ expected: "the model's file, relative to the directory" }).optional(),
    output: nonEmptyText.meta({ expected: "the name of the model's output" }).optional(),
    max_tokens: positiveInt.optional(),
    label: z.union([nonNegativeInt, z.string()]).meta({ expected: "a label's name or column" }).optional(),
    function_to_apply: z
      .enum(['none', 'sigmoid', 'softmax', 'log_odds'])
      .meta({ expected: 'none, sigmoid, softmax or log_odds' })
      .optional(),
    input: z.enum(['chat', 'pair', 'text']).default('chat').meta({ expected: 'chat, pair or text' }),
    text: itemText.optional(),
    truncate: z
      .enum(['prompt', 'completion', 'none'])
      .default('prompt')
      .meta({ expected: 'prompt, completion or none' }),
    ignore_keys: z
      .array(nonEmptyText)
      .meta({ expected: 'names of keys of tokenizer_config.json, such as [add_prefix_space]' })
      .optional(),
    truncation_side: z.enum(['left', 'right']).default('left').meta({ expected: 'left or right' }),
  })
  .superRefine(({ input, text: pattern, minimum, maximum }, context) => {
    const refuse = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
    if (pattern !== undefined && input !== 'text') refuse('text', 'no text, because input is not text');
    if (minimum !== undefined && maximum !== undefined && minimum >= maximum) {
      refuse('maximum', `a number over minimum ${minimum}`);
    }
  });

/** The options, with every default filled in. */
export type ClassifierOptions = z.output<typeof classifierOptions>;

/**
 * Functions that turn a logit into a score: those of transformers' pipelines, and the log-odds of a label against the
 * rest.
 */
export type ScoreFunction = NonNullable<ClassifierOptions['function_to_apply']>;

/** Returns an option as it would be written in the options file, for error messages. */
export function optionHint(optionsPath: string, key: keyof ClassifierOptions, value: string | number): string {
  return inYaml(optionsPath) ? `${key}: ${value}` : `"gapo_reward": ${JSON.stringify({ [key]: value })}`;
}

/** Returns the location of an option, for error messages. */
export function optionPlace(optionsPath: string, key: keyof ClassifierOptions): string {
  return inYaml(optionsPath) ? `${key} of ${optionsPath}` : `gapo_reward.${key} of ${optionsPath}`;
}

function inYaml(optionsPath: string): boolean {
  return optionsPath.endsWith('.yaml');
}
