/**
 * Classifiers as scorers, any number in one process. They share two threads: one tokenizes new items while the other
 * runs a model on earlier ones.
 */
import { basename, resolve } from 'node:path';
import type { SessionOptions } from '@gapo/graph';
import { at } from '@gapo/numeric';
import type { Outcome, ScoreItem, Scorer, ScorerDescription } from '@gapo/reward';
import { RpcError } from '@gapo/rpc';
import { UserError, WorkerThread } from '@gapo/service';
import type { Encoding } from '../encoding/itemEncoder.js';
import { type BatchedModel, Batcher, type RunProblem } from './batcher.js';
import type { ClassifierConfig } from './classifierConfig.js';
import { optionHint } from './classifierOptions.js';
import { type RunShape, shapeNote } from './runShape.js';
import { RunSize } from './runSize.js';
import type * as sessionTasks from './sessionThread.js';
import type * as tokenizerTasks from './tokenizerThread.js';

/** A classifier to host. */
export interface HostedClassifier {
  readonly directory: string;
  /** The objective's name; overrides the one in its options. */
  readonly objective?: string | undefined;
}

/** Options of {@link ClassifierHost.open}. */
export interface HostOptions extends SessionOptions {
  /** The target latency in milliseconds while the service is at most half busy: see {@link RunSize}. @default 1000 */
  readonly latencyBoundMs?: number;
  /** How long, in milliseconds, a call waits at most for others to share a run with while nothing runs. @default 5 */
  readonly batchWaitMs?: number;
  /**
   * Maximum number of items waiting or running, over all calls. A call that would exceed it is rejected. @default
   * 4096
   */
  readonly queueItems?: number;
}

type Sessions = WorkerThread<Pick<typeof sessionTasks, 'open' | 'run'>>;
type Tokenizers = WorkerThread<Pick<typeof tokenizerTasks, 'encode'>>;

/** Classifiers that share two threads and a queue. */
export class ClassifierHost {
  readonly #opened: Scorer[] = [];
  readonly #sessions: Sessions;
  readonly #tokenizers: Tokenizers;
  readonly #batcher: Batcher;
  readonly #latencyBoundMs: number;
  readonly #queueItems: number;
  #items = 0;

  private constructor({ latencyBoundMs = 1000, batchWaitMs = 5, queueItems = 4096, ...session }: HostOptions) {
    this.#sessions = new WorkerThread(new URL('./sessionThread.js', import.meta.url), session);
    this.#tokenizers = new WorkerThread(new URL('./tokenizerThread.js', import.meta.url));
    this.#batcher = new Batcher(batchWaitMs);
    this.#latencyBoundMs = latencyBoundMs;
    this.#queueItems = queueItems;
  }

  /**
   * Opens and checks classifiers.
   *
   * @throws UserError for the first classifier that cannot be served
   */
  static async open(classifiers: readonly HostedClassifier[], options: HostOptions): Promise<ClassifierHost> {
    const host = new ClassifierHost(options);
    try {
      for (const classifier of classifiers) host.#opened.push(await host.#scorer(classifier));
      return host;
    } catch (error) {
      await host.close();
      // Expected errors cross threads with this code.
      if (error instanceof RpcError && error.code === 'FAILED_PRECONDITION') throw new UserError(error.details);
      throw error;
    }
  }

  /** One scorer per classifier, in order. Closing any of them closes the host. */
  get scorers(): readonly Scorer[] {
    return this.#opened;
  }

  /** Ends the threads. Calls in progress fail. */
  async close(): Promise<void> {
    this.#batcher.close();
    await Promise.all([this.#sessions.close(), this.#tokenizers.close()]);
  }

  async #scorer({ directory, objective }: HostedClassifier): Promise<Scorer> {
    const { version, config, shape } = await this.#sessions.run('open', directory);
    await this.#encoded(directory, version, [], neverAborted);
    const { maxTokens, padId } = config;
    const model: BatchedModel = {
      directory,
      maxTokens,
      padId,
      runSize: new RunSize(this.#latencyBoundMs),
      shape,
      run: async (feeds) => {
        const transfer = [feeds.ids.buffer, feeds.mask.buffer, feeds.segments.buffer];
        const ran = await this.#sessions.run('run', { directory, feeds }, { transfer });
        assertUnchanged(ran.version === version);
        return ran.scores;
      },
    };
    return {
      description: describe(directory, version, config, shape, objective),
      score: (items, signal) => this.#score(model, version, items, signal),
      close: () => this.close(),
    };
  }

  async #score(
    model: BatchedModel,
    version: string,
    items: readonly ScoreItem[],
    signal: AbortSignal,
  ): Promise<readonly Outcome[]> {
    if (this.#items > 0 && this.#items + items.length > this.#queueItems) {
      throw new RpcError(
        'RESOURCE_EXHAUSTED',
        `${this.#items} items are queued, and ${items.length} more would exceed QUEUE_ITEMS (${this.#queueItems}); ` +
          'retry later, or run more replicas of this service',
      );
    }
    this.#items += items.length;
    try {
      const encodings = await this.#encoded(model.directory, version, items, signal);
      const sequences = encodings.filter((encoding) => 'ids' in encoding);
      const scores = await this.#batcher.score(model, sequences, signal);
      let next = 0;
      return encodings.map((encoding) => outcomeOf('ids' in encoding ? at(scores, next++) : encoding));
    } finally {
      this.#items -= items.length;
    }
  }

  /** Tokenizes items. @throws the signal's reason once it aborts; RpcError if the files changed */
  async #encoded(
    directory: string,
    version: string,
    items: readonly ScoreItem[],
    signal: AbortSignal,
  ): Promise<readonly Encoding[]> {
    const cancelled = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    // A flag rather than ending the thread, because a new thread would have to read the tokenizers again.
    const cancel = (): void => void Atomics.store(cancelled, 0, 1);
    signal.addEventListener('abort', cancel, { once: true });
    try {
      signal.throwIfAborted();
      const { encodings, digest } = await this.#tokenizers.run('encode', { directory, items, cancelled });
      signal.throwIfAborted();
      assertUnchanged(version.endsWith(`+${digest}`));
      return encodings;
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }
}

function outcomeOf(found: number | RunProblem): Outcome {
  return typeof found === 'number' ? { score: found } : { problem: found.problem, retryable: false };
}

const neverAborted = new AbortController().signal;

/**
 * Checks that a thread has the version that the service announces. A replacement thread reads the directory again,
 * and its files may have changed.
 *
 * @throws RpcError if they have
 */
function assertUnchanged(unchanged: boolean): void {
  if (unchanged) return;
  throw new RpcError('FAILED_PRECONDITION', "the model's files changed since the start; restart the service");
}

/** @throws UserError if neither the options nor OBJECTIVE names an objective */
function describe(
  directory: string,
  version: string,
  config: ClassifierConfig,
  shape: RunShape,
  chosen: string | undefined,
): ScorerDescription {
  const { options, optionsPath, maxTokens } = config;
  const objective = chosen ?? options.objective;
  if (objective === undefined) {
    const hint = optionHint(config.optionsPath, 'objective', 'name');
    throw new UserError(`${optionsPath}: names no objective; set OBJECTIVE=name or add ${hint}`);
  }
  const { orientation, threshold, function_to_apply: apply } = options;
  const probability = apply === 'sigmoid' || apply === 'softmax';
  const note = shapeNote(shape);
  return {
    objective,
    model: `onnx: ${basename(resolve(directory))}${note === undefined ? '' : `, ${note}`}`,
    version,
    orientation,
    minimum: options.minimum ?? (probability ? 0 : undefined),
    maximum: options.maximum ?? (probability ? 1 : undefined),
    threshold,
    maxTokens,
  };
}
