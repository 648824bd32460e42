/** Turns concurrent calls into runs of models: one run at a time, for all models of the process. */
import { f64 } from '@gapo/numeric';
import { RpcError } from '@gapo/rpc';
import {
  type Context,
  type Link,
  activeContext,
  attributeNames,
  currentLink,
  observeWith,
  spanNames,
  withSpan,
} from '@gapo/tracing';
import type { EncodedItem } from '../encoding/itemEncoder.js';
import { BatchQueue, type Waiting } from './batchQueue.js';
import { type Feeds, feedsOf } from './feeds.js';
import { runLength, type RunShape } from './runShape.js';
import type { RunSize } from './runSize.js';

/** The batcher's view of a model. */
export interface BatchedModel {
  /** For traces. */
  readonly directory: string;
  readonly maxTokens: number;
  readonly padId: number;
  readonly runSize: RunSize;
  readonly shape: RunShape;
  /** Returns the score of each row, or why the model cannot run on them. */
  readonly run: (feeds: Feeds) => Promise<Float64Array | RunProblem>;
}

/** Why the model cannot run on some sequences. */
export interface RunProblem {
  readonly problem: string;
}

interface Entry extends Waiting {
  readonly model: BatchedModel;
  readonly call: Call;
  /** The sequence's index in its call. */
  readonly place: number;
  readonly sequence: EncodedItem;
}

/** A call whose sequences wait or run. */
interface Call {
  readonly scores: (number | RunProblem)[];
  left: number;
  readonly done: (scores: readonly (number | RunProblem)[]) => void;
  readonly failed: (error: Error) => void;
  readonly context: Context;
  readonly link: Link | undefined;
}

/** Queues the sequences of calls and runs them in batches. */
export class Batcher {
  readonly #queue: BatchQueue<Entry>;
  readonly #calls = new Set<Call>();
  readonly #unobserve: () => void;
  #running = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param waitMs how long, at most, a call waits for others to share a run with while nothing runs */
  constructor(waitMs: number) {
    this.#queue = new BatchQueue(waitMs);
    this.#unobserve = observeWith((observe) => observe('rewardQueue', this.#queue.size));
  }

  /**
   * Scores the sequences of one call, in order. A sequence that the model cannot run on gets a problem instead of a score.
   *
   * @param signal cancels the call: sequences that are not running yet leave the queue
   */
  async score(
    model: BatchedModel,
    sequences: readonly EncodedItem[],
    signal: AbortSignal,
  ): Promise<readonly (number | RunProblem)[]> {
    signal.throwIfAborted();
    const scores = new Array<number | RunProblem>(sequences.length);
    if (sequences.length === 0) return scores;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#calls.delete(call);
        signal.removeEventListener('abort', giveUp);
      };
      const call: Call = {
        scores,
        left: sequences.length,
        done: (value) => {
          settle();
          resolve(value);
        },
        failed: (error) => {
          settle();
          this.#queue.remove(call);
          reject(error);
        },
        context: activeContext(),
        link: currentLink(),
      };
      const giveUp = (): void => call.failed(signal.reason as Error);
      this.#calls.add(call);
      signal.addEventListener('abort', giveUp, { once: true });
      const since = performance.now();
      this.#queue.add(
        sequences.map((sequence, place) => {
          const length = runLength(model.shape, sequence.ids.length, model.maxTokens);
          return { model, length, since, call, place, sequence };
        }),
      );
      this.#advance();
    });
  }

  /** Fails every call. */
  close(): void {
    this.#unobserve();
    clearTimeout(this.#timer);
    for (const call of this.#calls) call.failed(new RpcError('UNAVAILABLE', 'the service is stopping; retry'));
  }

  #advance(): void {
    if (this.#running) return;
    clearTimeout(this.#timer);
    const next = this.#queue.take(performance.now(), ({ runSize, shape }, length) =>
      Math.min(runSize.rows(length), shape.most),
    );
    if (next === undefined) return;
    if ('afterMs' in next) {
      this.#timer = setTimeout(() => this.#advance(), Math.ceil(next.afterMs));
      return;
    }
    this.#running = true;
    void this.#run(next.batch).finally(() => {
      this.#running = false;
      this.#advance();
    });
  }

  /**
   * Runs a batch. Never rejects: an error fails the batch's calls. If the model cannot run on the batch, each sequence runs
   * separately, so that only the offending ones get no score.
   */
  async #run(batch: readonly [Entry, ...Entry[]]): Promise<void> {
    const [{ model, length }] = batch;
    const calls = [...new Set(batch.map(({ call }) => call))];
    try {
      const scores = await traced(batch, calls, async () => {
        const feeds = feedsOf(
          batch.map(({ sequence }) => sequence),
          length,
          model.padId,
          model.shape.fewest,
        );
        const began = performance.now();
        const scores = await model.run(feeds);
        model.runSize.ran(feeds.rows * length, performance.now() - began);
        return scores;
      });
      if ('problem' in scores && batch.length > 1) {
        for (const entry of batch) await this.#run([entry]);
        return;
      }
      for (const [row, { call, place }] of batch.entries()) {
        call.scores[place] = 'problem' in scores ? scores : f64(scores, row);
        call.left -= 1;
        if (call.left === 0) call.done(call.scores);
      }
    } catch (error) {
      for (const call of calls) call.failed(error as Error);
    }
  }
}

/** Runs a batch in a span of its first call's trace, linked to the other calls. */
function traced<T>(batch: readonly [Entry, ...Entry[]], calls: readonly Call[], run: () => Promise<T>): Promise<T> {
  const [{ model, length, call: first }] = batch;
  const attributes = {
    [attributeNames.model]: model.directory,
    [attributeNames.sequences]: batch.length,
    [attributeNames.sequenceLength]: length,
    [attributeNames.calls]: calls.length,
  };
  const links = calls.flatMap(({ link }) => (link === undefined || link === first.link ? [] : [link]));
  return withSpan(spanNames.rewardRun, attributes, run, { parent: first.context, links });
}
