/**
 * A sequence classifier's session, opened from a directory with config.json, model.onnx (its weights inside, or in
 * model.safetensors), tokenizer.json and tokenizer_config.json. Opening and running block the thread.
 */
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Session, SessionError, type SessionOptions, type TensorArray } from '@gapo/graph';
import { ModelError, readSafetensors } from '@gapo/model';
import { type ClassifierConfig, readClassifierConfig } from './classifierConfig.js';
import { type ScoreFunction, optionHint } from './classifierOptions.js';
import { type Feeds, feedsOf, namedTensors } from './feeds.js';
import { scoringDigest, weightsDigest } from './fingerprint.js';
import type { EncodedItem } from './itemEncoder.js';
import { labelCount, scoreOf } from './logits.js';

/** The largest weights file that is read whole and checked here. onnxruntime maps larger ones and checks their bounds. */
const largestChecked = 2 ** 31 - 1;

const requiredInputs = ['input_ids', 'attention_mask'];
const optionalInputs = ['token_type_ids'];
const outputName = 'logits';

/** The largest change of a logit z by padding, as a multiple of max(1, |z|): no more than rounding. */
const paddingTolerance = 1e-3;

export class Classifier {
  readonly config: ClassifierConfig;
  /** `<weightsDigest>+<scoringDigest>`. */
  readonly version: string;
  readonly #session: Session;
  readonly #label: number;
  readonly #apply: ScoreFunction;

  private constructor(
    config: ClassifierConfig,
    version: string,
    session: Session,
    scored: { readonly label: number; readonly apply: ScoreFunction },
  ) {
    this.config = config;
    this.version = version;
    this.#session = session;
    this.#label = scored.label;
    this.#apply = scored.apply;
  }

  /**
   * Opens a directory and checks all of it: files, weights, and a run on probe tokens.
   *
   * @throws ModelError, SessionError or ConfigError if it cannot be served
   */
  static async open(directory: string, options: SessionOptions): Promise<Classifier> {
    await assertFiles(directory);
    const config = await readClassifierConfig(directory);
    await assertWeights(join(directory, 'model.safetensors'));
    const path = join(directory, 'model.onnx');
    const session = await openSession(path, options);
    assertNames(path, session);
    const labels = await probe(path, session, config);
    const scored = scoredLabel(path, config, labels);
    const version = `${await weightsDigest(directory)}+${await scoringDigest(directory, config)}`;
    return new Classifier(config, version, session, scored);
  }

  /** Returns the score of each row, repeated ones included. */
  async score(feeds: Feeds): Promise<Float64Array<ArrayBuffer>> {
    const { data } = await logitsOf(this.#session, feeds);
    const labels = data.length / feeds.rows;
    return Float64Array.from({ length: feeds.rows }, (_, row) =>
      scoreOf(
        (data as Float32Array | Float64Array).subarray(row * labels, (row + 1) * labels),
        this.#label,
        this.#apply,
      ),
    );
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}

async function logitsOf(session: Session, feeds: Feeds): Promise<TensorArray> {
  const tensors = Object.entries(namedTensors(feeds)).filter(([name]) => session.inputNames.includes(name));
  const outputs = await session.run(Object.fromEntries(tensors), [outputName]);
  return outputs[outputName] as TensorArray;
}

/** @throws ModelError that names every missing file */
async function assertFiles(directory: string): Promise<void> {
  const found = await stat(directory).catch(() => undefined);
  if (found === undefined) throw new ModelError(directory, 'does not exist; name the directory of a classifier');
  if (!found.isDirectory()) throw new ModelError(directory, 'is not a directory; name the directory of a classifier');
  const missing: string[] = [];
  for (const name of ['config.json', 'model.onnx', 'tokenizer.json', 'tokenizer_config.json']) {
    if ((await stat(join(directory, name)).catch(() => undefined)) === undefined) missing.push(name);
  }
  if (missing.length > 0) {
    throw new ModelError(directory, `lacks ${missing.join(', ')}; a classifier's directory has them`);
  }
}

/** @throws ModelError if the weights exist and are truncated, damaged or not finite */
async function assertWeights(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found !== undefined && found.size <= largestChecked) await readSafetensors(path);
}

async function openSession(path: string, options: SessionOptions): Promise<Session> {
  try {
    return await Session.open(path, options);
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    const missing = /External data path does not exist: "([^"]+)"/.exec(error.message)?.[1];
    if (missing !== undefined) throw new ModelError(missing, `does not exist; ${path} has its weights there`);
    throw new ModelError(path, `cannot be opened: ${oneLine(error)}`);
  }
}

function assertNames(path: string, { inputNames, outputNames }: Session): void {
  const lacking = requiredInputs.filter((name) => !inputNames.includes(name));
  const surplus = inputNames.filter((name) => !requiredInputs.includes(name) && !optionalInputs.includes(name));
  if (lacking.length + surplus.length > 0) {
    const expected = `${requiredInputs.join(', ')} and optionally ${optionalInputs.join(', ')}`;
    throw new ModelError(path, `has the inputs ${inputNames.join(', ')}; a classifier has ${expected}`);
  }
  if (!outputNames.includes(outputName)) {
    throw new ModelError(path, `has the outputs ${outputNames.join(', ')}; a classifier has ${outputName}`);
  }
}

/**
 * Runs the first and the last token of the vocabulary through the model, and checks that padding does not matter.
 *
 * @returns the number of labels
 * @throws ModelError if the run fails, or padding changes a logit
 */
async function probe(path: string, session: Session, { vocabulary, padId }: ClassifierConfig): Promise<number> {
  const first = padId === 0 && vocabulary > 1 ? 1 : 0;
  const short = { ids: [first] };
  const run = (sequences: readonly EncodedItem[], length: number): Promise<TensorArray> =>
    logitsOf(session, feedsOf(sequences, length, padId)).catch((error: unknown) => {
      throw new ModelError(
        path,
        `fails on input_ids [2,${length}] int64 with ids up to vocab_size - 1 = ${vocabulary - 1}: ${oneLine(error)}`,
      );
    });
  const padded = await run([short, { ids: [first, vocabulary - 1] }], 2);
  const bare = await run([short], 1);
  const labels = labelCount(path, padded, 2);
  for (let label = 0; label < labels; label++) {
    const [beside, alone] = [Number(padded.data[label]), Number(bare.data[label])];
    if (Math.abs(beside - alone) > paddingTolerance * Math.max(1, Math.abs(alone))) {
      throw new ModelError(
        path,
        `gives the logit ${alone} for one token and ${beside} with padding on its right; a classifier must respect attention_mask`,
      );
    }
  }
  return labels;
}

/**
 * Returns the column to score, and how.
 *
 * @throws ModelError if the options do not match the model's labels
 */
function scoredLabel(
  path: string,
  config: ClassifierConfig,
  labels: number,
): { readonly label: number; readonly apply: ScoreFunction } {
  const { label, options, optionsPath } = config;
  const apply = options.function_to_apply ?? (labels === 1 ? 'none' : 'log_odds');
  if (label === undefined && labels > 1) {
    const hint = optionHint(config.optionsPath, 'label', labels - 1);
    throw new ModelError(
      path,
      `has ${labels} labels; name the one to score in ${basename(optionsPath)}, for example ${hint}`,
    );
  }
  if (label !== undefined && label >= labels) {
    throw new ModelError(path, `has ${labels} labels, but ${optionsPath} says label ${label}, counted from 0`);
  }
  if (labels === 1 && (apply === 'softmax' || apply === 'log_odds')) {
    throw new ModelError(
      optionsPath,
      `has function_to_apply ${apply}, which needs several labels; the model has one, so use none or sigmoid`,
    );
  }
  return { label: label ?? 0, apply };
}

function oneLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, ' ').trim();
}
