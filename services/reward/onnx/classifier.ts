/**
 * A sequence classifier, opened from a directory with config.json, an ONNX model (with weights embedded or in separate
 * files), tokenizer.json and tokenizer_config.json. Opening and running block the thread.
 */
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Session, SessionError, type SessionOptions } from '@gapo/graph';
import { ModelError, readSafetensors } from '@gapo/model';
import type { RunProblem } from './batcher.js';
import { type ClassifierConfig, readClassifierConfig } from './classifierConfig.js';
import { ClassifierModel, oneLine } from './classifierModel.js';
import { type ScoreFunction, optionHint } from './classifierOptions.js';
import type { Feeds } from './feeds.js';
import { scoringDigest, weightsDigest } from './fingerprint.js';
import { scoreOf } from './logits.js';
import { probe } from './probe.js';
import type { RunShape } from './runShape.js';

/**
 * The largest weights file that is read completely and checked here. onnxruntime maps larger ones and checks their bounds.
 */
const largestChecked = 2 ** 31 - 1;

/** A model file larger than this has its weights embedded. */
const largestGraph = 64 << 20;

export class Classifier {
  readonly config: ClassifierConfig;
  /** `<weightsDigest>+<scoringDigest>`. */
  readonly version: string;
  /** The shapes of its runs. */
  readonly shape: RunShape;
  readonly #model: ClassifierModel;
  readonly #scored: ScoredLabel;

  private constructor(
    config: ClassifierConfig,
    version: string,
    { model, shape, scored }: { model: ClassifierModel; shape: RunShape; scored: ScoredLabel },
  ) {
    this.config = config;
    this.version = version;
    this.shape = shape;
    this.#model = model;
    this.#scored = scored;
  }

  /**
   * Opens a directory and checks everything: files, weights, and a run on probe tokens.
   *
   * @throws ModelError, SessionError or ConfigError if it cannot be served
   */
  static async open(directory: string, options: SessionOptions): Promise<Classifier> {
    await assertFiles(directory);
    const stated = await readClassifierConfig(directory);
    const path = join(directory, stated.file);
    if (await namesWeights(path)) await assertWeights(join(dirname(path), weightsName));
    const model = new ClassifierModel(path, await openSession(path, options), stated.options.output);
    const { length } = model.fixed;
    const config = length === undefined ? stated : { ...stated, maxTokens: Math.min(stated.maxTokens, length) };
    const { shape, labels } = await probe(model, config);
    const scored = scoredLabel(path, config, labels);
    const version = `${await weightsDigest(directory, config)}+${await scoringDigest(directory, stated)}`;
    return new Classifier(config, version, { model, shape, scored });
  }

  /** Returns the score of each row, including repeated ones, or why the model cannot run on them. */
  async score(feeds: Feeds): Promise<Float64Array<ArrayBuffer> | RunProblem> {
    const { label, apply } = this.#scored;
    try {
      const { data, labels } = await this.#model.logits(feeds);
      return Float64Array.from({ length: feeds.rows }, (_, row) =>
        scoreOf(data.subarray(row * labels, (row + 1) * labels), label, apply),
      );
    } catch (error) {
      return { problem: `the model cannot run on ${feeds.length} tokens: ${oneLine(error)}` };
    }
  }

  async close(): Promise<void> {
    await this.#model.close();
  }
}

/** @throws ModelError naming every missing file */
async function assertFiles(directory: string): Promise<void> {
  const found = await stat(directory).catch(() => undefined);
  if (found === undefined) throw new ModelError(directory, 'does not exist; name the directory of a classifier');
  if (!found.isDirectory()) throw new ModelError(directory, 'is not a directory; name the directory of a classifier');
  const missing: string[] = [];
  for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json']) {
    if ((await stat(join(directory, name)).catch(() => undefined)) === undefined) missing.push(name);
  }
  if (missing.length > 0) {
    const remedy =
      "copy them from the model's page, or write them with AutoTokenizer.from_pretrained(...).save_pretrained(...)";
    throw new ModelError(directory, `lacks ${missing.join(', ')}; ${remedy}`);
  }
}

/** The file with a model's weights if they are safetensors, as written by our own tools. */
const weightsName = 'model.safetensors';

/** Whether the ONNX model refers to {@link weightsName}: in directories from the Hub, that file holds PyTorch's weights. */
async function namesWeights(path: string): Promise<boolean> {
  const { size } = await stat(path);
  return size <= largestGraph && (await readFile(path)).includes(weightsName);
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

/** The column to score, and how. */
interface ScoredLabel {
  readonly label: number;
  readonly apply: ScoreFunction;
}

/**
 * Returns the column to score, and how.
 *
 * @throws ModelError if the options do not match the model's labels
 */
function scoredLabel(path: string, config: ClassifierConfig, labels: number): ScoredLabel {
  const { label, exclusive, options, optionsPath } = config;
  const apply = options.function_to_apply ?? (labels > 1 && exclusive ? 'log_odds' : 'none');
  if (label === undefined && labels > 1) {
    const names = Object.values(config.labelNames);
    const hint = optionHint(config.optionsPath, 'label', labels - 1);
    throw new ModelError(
      path,
      `has ${labels} labels${names.length === labels ? ` (${names.join(', ')})` : ''}; name the one to score in ${basename(optionsPath)}, for example ${hint}`,
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
