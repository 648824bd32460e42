/** Samples completions stretch by stretch (continuous batching): between stretches finished rows leave and waiting ones enter. */
import { Session, type SessionOptions, type TensorArray, int64 } from '@gapo/graph';
import type { DecoderModel, NamedTensor, TrainableSpec } from '@gapo/model';
import { parameterFeeds, pick } from '../decoder/completions.js';
import type { PrecisionOptions } from '../precision.js';
import { type CachePiece, KeyValueCache, cachePart } from './cache.js';
import type { Drawing } from './drawing.js';
import { prefillGraph, stretchGraph } from './graphs.js';
import { type SamplingOptions, type SamplingPrompt, checkSampling, drawingOf } from './options.js';
import {
  type Row,
  type SampledCompletion,
  type TokenDecoder,
  advance,
  cachedPositions,
  endAtStop,
  rowFeeds,
  seenTokens,
  startRows,
  toCompletion,
} from './rows.js';

/** Tokens drawn in one run of the graph. */
const stretchLength = 16;

/** The options of a sampler. */
export interface SamplerOptions extends SessionOptions, PrecisionOptions {
  /** Returns the function that decodes token ids for stop strings. @default none, and stop strings are refused */
  readonly decoder?: () => Promise<TokenDecoder>;
  /**
   * The ids that may be drawn: [V], 1 for each that has a token. The others are excluded as by top-k: log-probabilities are still the
   * policy's own over all ids, which is what a trainer computes.
   *
   * @default all
   */
  readonly drawable?: Uint8Array | undefined;
}

type Feeds = Readonly<Record<string, TensorArray>>;

/** Samples completions. Opens a session for each graph on first use; calls must not overlap. */
export class Sampler {
  readonly #model: DecoderModel;
  readonly #spec: TrainableSpec;
  readonly #options: SamplerOptions;
  readonly #sessions = new Map<string, Promise<Session>>();
  readonly #cache: KeyValueCache;

  constructor(model: DecoderModel, spec: TrainableSpec, options: SamplerOptions) {
    this.#model = model;
    this.#spec = spec;
    this.#options = options;
    this.#cache = new KeyValueCache(model.config);
  }

  /** Yields completions as they finish. The tokens depend only on the arguments. @throws RangeError as checkSampling */
  async *sample(
    version: readonly NamedTensor[],
    prompts: readonly SamplingPrompt[],
    options: SamplingOptions,
  ): AsyncGenerator<SampledCompletion> {
    const { config } = this.#model;
    checkSampling(config, prompts, options);
    const { stop = [], batch = Infinity } = options;
    const decode = stop.length > 0 ? await this.#decoder() : undefined;
    const waiting = startRows(config, prompts, options);
    if (waiting.length === 0) return;
    const { drawable } = this.#options;
    const drawing = drawingOf(options, drawable !== undefined);
    const weights = parameterFeeds(version);
    const session = await this.#session(drawing);
    const prefilled = new Map<number, CachePiece>();
    let rows: Row[] = [];
    let pieces: (readonly CachePiece[])[] = [];
    while (rows.length + waiting.length > 0 && options.stopped?.() !== true) {
      const entering = waiting.splice(0, batch - rows.length);
      await this.#prefill(weights, prompts, entering, prefilled);
      rows = [...rows, ...entering];
      pieces = [...pieces, ...entering.map(({ prompt }) => [prefilled.get(prompt) as CachePiece])];
      for (const prompt of prefilled.keys()) if (prompt < (waiting[0]?.prompt ?? Infinity)) prefilled.delete(prompt);
      this.#cache.layOut(pieces);

      const steps = Math.min(stretchLength, Math.max(...rows.map(({ ids, limit }) => limit - ids.length)));
      const feeds = {
        ...weights,
        ...this.#cache.tensors,
        ...rowFeeds(rows, prompts, options, steps, this.#cache.positions, config.vocabulary),
        ...(drawable && { drawable: { data: drawable, dims: [1, config.vocabulary] } }),
        ...(drawing.repetitionPenalty && { seen: seenTokens(rows, prompts, config.vocabulary) }),
      };
      const before = rows.map((row) => ({ row, cached: cachedPositions(row, prompts), drawn: row.ids.length }));
      const outputs = await session.run(pick(feeds, session.inputNames));
      advance(rows, outputs, config);
      for (const { row, drawn } of before) if (decode !== undefined) await endAtStop(row, stop, drawn, decode);

      const old = this.#cache.tensors;
      const added = cachePart(outputs, 'added.');
      pieces = before.flatMap(({ row: { finished, ids }, cached, drawn }, r) => {
        if (finished !== undefined) return [];
        return [
          [
            { tensors: old, row: r, count: cached },
            { tensors: added, row: r, count: ids.length - drawn },
          ],
        ];
      });
      yield* rows.filter(({ finished }) => finished !== undefined).map((row) => toCompletion(row, drawing.greedy));
      rows = rows.filter(({ finished }) => finished === undefined);
    }
  }

  async close(): Promise<void> {
    for (const session of this.#sessions.values()) await (await session).close();
    this.#sessions.clear();
  }

  /**
   * Reads the prompts of entering rows without their last tokens, which the next stretch reads. Each prompt is read once for all its
   * samples.
   */
  async #prefill(
    weights: Feeds,
    prompts: readonly SamplingPrompt[],
    entering: readonly Row[],
    prefilled: Map<number, CachePiece>,
  ): Promise<void> {
    const missing = [...new Set(entering.map(({ prompt }) => prompt))].filter((prompt) => !prefilled.has(prompt));
    if (missing.length === 0) return;
    const read = missing.map((prompt) => (prompts[prompt] as SamplingPrompt).ids.slice(0, -1));
    const length = Math.max(1, ...read.map((ids) => ids.length)); // no tensor is empty
    const ids = new BigInt64Array(missing.length * length);
    read.forEach((some, row) => ids.set(int64(some), row * length));
    const session = await this.#session('prefill');
    const feeds = { ...weights, ids: { data: ids, dims: [missing.length, length] } };
    const tensors = await session.run(pick(feeds, session.inputNames));
    missing.forEach((prompt, row) => prefilled.set(prompt, { tensors, row, count: read[row]?.length ?? 0 }));
  }

  #session(which: 'prefill' | Drawing): Promise<Session> {
    const { precision } = this.#options;
    const key = JSON.stringify(which);
    let session = this.#sessions.get(key);
    if (session === undefined) {
      const graph =
        which === 'prefill'
          ? prefillGraph(this.#model, this.#spec, precision)
          : stretchGraph(this.#model, this.#spec, which, precision);
      session = Session.open(graph.toModel(), this.#options);
      this.#sessions.set(key, session);
    }
    return session;
  }

  #decoder(): Promise<TokenDecoder> {
    if (this.#options.decoder === undefined) throw new RangeError('stop needs a tokenizer, and this sampler has none');
    return this.#options.decoder();
  }
}
