/**
 * A sequence classifier as a reward model: a directory with config.json, model.onnx (its weights inside, or in
 * model.safetensors beside it), tokenizer.json and tokenizer_config.json. Opening and scoring block the thread they are on.
 */
import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { Session, SessionError, type TensorArray } from '@gapo/graph';
import { ModelError, Tokenizer, readSafetensors } from '@gapo/model';
import type { Outcome, ScoreItem } from '@gapo/reward';
import { type Bucket, buckets, feedsOf } from './batches.js';
import { type ClassifierConfig, readClassifierConfig } from './classifierConfig.js';
import { Conversation } from './conversation.js';
import { fingerprint } from './fingerprint.js';
import { labelCount, scoreOf } from './logits.js';

/** The largest file that can be read whole, to be checked; onnxruntime maps and checks the bounds of larger ones. */
const largestChecked = 2 ** 31 - 1;

const inputNames = ['input_ids', 'attention_mask'];
const outputName = 'logits';

/** An open classifier. */
export class Classifier {
  readonly config: ClassifierConfig;
  /** The directory's name. */
  readonly name: string;
  /** See {@link fingerprint}. */
  readonly version: string;
  private readonly conversation: Conversation;
  private readonly session: Session;

  private constructor(
    name: string,
    config: ClassifierConfig,
    version: string,
    conversation: Conversation,
    session: Session,
  ) {
    this.name = name;
    this.config = config;
    this.version = version;
    this.conversation = conversation;
    this.session = session;
  }

  /**
   * Opens a directory and checks it whole: files, tokenizer against vocabulary, and a run on a probe.
   * @param threads threads of the runtime within an operator.
   * @throws ModelError or ConfigError that says what to mend.
   */
  static async open(directory: string, threads: number): Promise<Classifier> {
    await assertFiles(directory);
    const config = await readClassifierConfig(directory);
    const tokenizer = await Tokenizer.read(directory);
    if (tokenizer.size > config.vocabulary) {
      throw new ModelError(
        join(directory, 'tokenizer.json'),
        `has token ids up to ${tokenizer.size - 1}, but config.json says vocab_size ${config.vocabulary}; ` +
          'the tokenizer belongs to another model',
      );
    }
    const conversation = Conversation.of(tokenizer, directory);
    await assertWeights(join(directory, 'model.safetensors'));
    const session = await openSession(join(directory, 'model.onnx'), threads);
    const classifier = new Classifier(
      basename(resolve(directory)),
      config,
      await fingerprint(directory, config),
      conversation,
      session,
    );
    await classifier.probe(join(directory, 'model.onnx'));
    return classifier;
  }

  /**
   * Scores items in their order. An item whose completion alone is longer than max_tokens has no score.
   * @param cancelled looked at before each run of the model.
   * @returns undefined where it was cancelled.
   */
  async score(items: readonly ScoreItem[], cancelled: () => boolean): Promise<readonly Outcome[] | undefined> {
    const { maxTokens, padId } = this.config;
    const outcomes = new Array<Outcome>(items.length);
    const sequences: number[][] = [];
    const places: number[] = [];
    for (const [place, item] of items.entries()) {
      if (cancelled()) return undefined;
      const ids = this.tokens(item);
      if (Array.isArray(ids)) {
        sequences.push(ids);
        places.push(place);
      } else outcomes[place] = ids;
    }
    const lengths = sequences.map((ids) => ids.length);
    for (const bucket of buckets(lengths, maxTokens)) {
      if (cancelled()) return undefined;
      const logits = await this.logits(bucket, sequences, padId);
      const labels = logits.dims[1] as number;
      for (const [row, member] of bucket.members.entries()) {
        const score = scoreOf(logits.data as Float32Array | Float64Array, row, labels, this.config.label);
        outcomes[places[member] as number] = { score };
      }
    }
    return outcomes;
  }

  /** Frees the model. */
  async close(): Promise<void> {
    await this.session.close();
  }

  private tokens(item: ScoreItem): number[] | Outcome {
    const { maxTokens } = this.config;
    let ids: number[] | undefined;
    try {
      ids = this.conversation.encode(item.prompt, item.completion, maxTokens);
    } catch (error) {
      return { problem: `the chat template failed: ${(error as Error).message}`, retryable: false };
    }
    if (ids === undefined) {
      const problem = `the completion alone is longer than max_tokens ${maxTokens}; shorten it to be scored`;
      return { problem, retryable: false };
    }
    if (ids.length === 0) return { problem: 'the item has no tokens', retryable: false };
    return ids;
  }

  private async logits(bucket: Bucket, sequences: readonly (readonly number[])[], padId: number): Promise<TensorArray> {
    const outputs = await this.session.run(feedsOf(bucket, sequences, padId), [outputName]);
    return outputs[outputName] as TensorArray;
  }

  /** Runs the first and the last token of the vocabulary through the model. */
  private async probe(path: string): Promise<void> {
    for (const [kind, names, expected] of [
      ['inputs', this.session.inputNames, inputNames],
      ['outputs', this.session.outputNames, [outputName]],
    ] as const) {
      const lacking = expected.filter((name) => !names.includes(name));
      const surplus = kind === 'inputs' ? names.filter((name) => !expected.includes(name)) : [];
      if (lacking.length + surplus.length > 0) {
        throw new ModelError(path, `has the ${kind} ${names.join(', ')}; a classifier has ${expected.join(', ')}`);
      }
    }
    const { vocabulary, padId } = this.config;
    let logits: TensorArray;
    try {
      logits = await this.logits({ length: 2, members: [0, 1] }, [[0, vocabulary - 1], [0]], padId);
    } catch (error) {
      throw new ModelError(
        path,
        `fails on input_ids [2,2] int64 with ids up to vocab_size - 1 = ${vocabulary - 1}: ${oneLine(error)}`,
      );
    }
    const labels = labelCount(path, logits, 2);
    const { label } = this.config;
    if (label === undefined && labels > 1) {
      throw new ModelError(
        path,
        `has ${labels} labels; say in config.json which is the score, as "gapo_reward": {"label": ${labels - 1}}`,
      );
    }
    if (label !== undefined && label >= labels) {
      throw new ModelError(
        path,
        `has ${labels} labels, but config.json says gapo_reward.label ${label}, counted from 0`,
      );
    }
  }
}

/** Throws a ModelError that names every file which is missing. */
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

/** Throws a ModelError where the weights are there and cut short, damaged or not finite. */
async function assertWeights(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found !== undefined && found.size <= largestChecked) await readSafetensors(path);
}

async function openSession(path: string, threads: number): Promise<Session> {
  try {
    return await Session.open(path, { threads });
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    const missing = /External data path does not exist: "([^"]+)"/.exec(error.message)?.[1];
    if (missing !== undefined) throw new ModelError(missing, `does not exist; ${path} has its weights there`);
    throw new ModelError(path, `cannot be opened: ${oneLine(error)}`);
  }
}

function oneLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, ' ').trim();
}
