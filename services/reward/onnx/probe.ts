/**
 * Runs a few sequences before a classifier is served, to find out whether its vocabulary and positions match config.json, and
 * what its scores depend on besides their own sequence.
 */
import { ModelError } from '@gapo/model';
import { at } from '@gapo/numeric';
import type { EncodedItem } from '../encoding/itemEncoder.js';
import type { ClassifierConfig } from './classifierConfig.js';
import { type ClassifierModel, oneLine } from './classifierModel.js';
import { feedsOf, fewestRows } from './feeds.js';
import type { Logits } from './logits.js';
import { type RunShape, runShape } from './runShape.js';

/** The largest change of a logit z by padding, as a multiple of max(1, |z|): no more than rounding, including float16's. */
const paddingTolerance = 1e-3;

/** The largest change due to the other rows of a run of the same shape: the runtime computes all rows the same way. */
const othersTolerance = 1e-6;

/** Tokens of a probe's sequences. */
const probeTokens = 8;

/** Sequences of more tokens are not run: architectures with a position table have fewer, and long runs take minutes. */
const longestProbe = 4096;

/** What the probes found. */
export interface Probed {
  readonly shape: RunShape;
  readonly labels: number;
}

/**
 * Probes a model.
 *
 * @throws ModelError if it fails on tokens below vocab_size, or on the longest sequence
 */
export async function probe(model: ClassifierModel, config: ClassifierConfig): Promise<Probed> {
  const { fixed, path } = model;
  const { maxTokens, padId, vocabulary } = config;
  const run = async (sequences: readonly EncodedItem[], length: number, what: string, fewest: number) => {
    const feeds = feedsOf(sequences, fixed.length ?? length, padId, fixed.rows ?? fewest);
    try {
      return await model.logits(feeds);
    } catch (error) {
      if (error instanceof ModelError) throw error;
      throw new ModelError(path, `fails on input_ids [${feeds.rows},${feeds.length}] ${what}: ${oneLine(error)}`);
    }
  };
  const count = Math.min(probeTokens, maxTokens);
  const within = `with ids up to vocab_size - 1 = ${vocabulary - 1}`;
  // Sequences from both ends of the vocabulary, so that their activations differ.
  const low: EncodedItem = { ids: tokens(count, (i) => i, config) };
  const high: EncodedItem = { ids: tokens(count, (i) => vocabulary - 1 - i, config) };
  const bare = await run([low], count, within, fewestRows);
  const beside =
    fixed.rows === 1 ? await run([high], count, within, 1) : await run([low, high], count, within, fewestRows);
  const others = fixed.rows !== 1 && differs(bare, beside, othersTolerance);
  const alone = others ? await run([low], count, within, 1) : bare;
  const padded = fixed.length ?? Math.min(2 * count, maxTokens);
  const padding = differs(alone, await run([low], padded, within, others ? 1 : fewestRows), paddingTolerance);
  const shape = runShape(fixed, { padding, others });
  const longest = Math.min(maxTokens, longestProbe);
  const hint = `of max_tokens ${maxTokens}; lower max_tokens in ${config.optionsPath} to what the model takes`;
  const full: EncodedItem = { ids: tokens(longest, (i) => i % vocabulary, config) };
  await run([full], longest, hint, Math.min(shape.fewest, fewestRows));
  return { shape, labels: bare.labels };
}

/** Returns token ids that are not padding. */
function tokens(count: number, id: (index: number) => number, { padId, vocabulary }: ClassifierConfig): number[] {
  const other = padId === 0 ? vocabulary - 1 : 0;
  return Array.from({ length: count }, (_, i) => {
    const found = Math.min(Math.max(id(i), 0), vocabulary - 1);
    return found === padId ? other : found;
  });
}

/** Whether the first row's logits differ by more than a tolerance. */
function differs(first: Logits, second: Logits, tolerance: number): boolean {
  return Array.from(
    { length: first.labels },
    (_, label) => [at(first.data, label), at(second.data, label)] as const,
  ).some(([a, b]) => !Object.is(a, b) && !(Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(a))));
}
