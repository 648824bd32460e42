/** Samples completions stretch by stretch, dropping finished sequences between stretches. */
import { Session, type SessionOptions, type TensorArray, int64 } from '@gapo/graph';
import type { DecoderConfig, DecoderModel, NamedTensor, TrainableSpec } from '@gapo/model';
import { fillUniforms } from '@gapo/objectives';
import { parameterFeeds, pick } from './evaluator.js';
import { type Drawing, cacheNames, prefillGraph, stretchGraph } from './samplingGraphs.js';

/** A prompt to complete. */
export interface SamplingPrompt {
  /** The prompt's index in the data set: a counter of its random numbers. */
  readonly index: number;
  /** Token ids, the beginning-of-sequence token included. */
  readonly ids: readonly number[];
}

/** How tokens are drawn. */
export interface SamplingOptions {
  /** 0 takes the most probable token. */
  readonly temperature: number;
  /** At most this many tokens, the end-of-sequence token included. */
  readonly maxNewTokens: number;
  readonly samplesPerPrompt: number;
  readonly seed: number;
  /** The training step: a counter of the random numbers. */
  readonly step: number;
  /** Asked before each stretch: whether nobody wants the rest. @default never */
  readonly stopped?: () => boolean;
}

/** One completion. */
export interface SampledCompletion {
  /** Index in the list of prompts. */
  readonly prompt: number;
  readonly sample: number;
  /** The end-of-sequence token included where it was drawn. */
  readonly ids: readonly number[];
  /** ln of each token's probability in softmax(logits / temperature), or softmax(logits) at temperature 0. */
  readonly logprobs: Float32Array;
  readonly finishReason: 'stop' | 'length';
}

/** Tokens drawn in one run of the graph. */
const stretchLength = 16;

interface Row {
  readonly prompt: number;
  readonly sample: number;
  readonly limit: number;
  readonly ids: number[];
  readonly logprobs: number[];
  /** The position of each past key, −1 where it is padding. */
  past: readonly number[];
  /** Where its cache lies among the past rows. */
  pastRow: number;
  token: number;
  position: number;
}

type Cache = Readonly<Record<string, TensorArray>>;

/** Holds a session for each graph; not for several calls at a time. */
export class Sampler {
  private readonly model: DecoderModel;
  private readonly spec: TrainableSpec;
  private readonly options: SessionOptions;
  private readonly sessions = new Map<'prefill' | Drawing, Promise<Session>>();

  constructor(model: DecoderModel, spec: TrainableSpec, options: SessionOptions) {
    this.model = model;
    this.spec = spec;
    this.options = options;
  }

  /** Yields completions as they finish. The tokens depend on the arguments alone. */
  async *sample(
    version: readonly NamedTensor[],
    prompts: readonly SamplingPrompt[],
    options: SamplingOptions,
  ): AsyncGenerator<SampledCompletion> {
    const { config } = this.model;
    checkOptions(config, prompts, options);
    if (prompts.length === 0 || options.samplesPerPrompt === 0) return;
    const parameters = parameterFeeds(version);
    let cache = await this.prefill(parameters, prompts);
    let rows = startRows(config, prompts, options);
    const session = await this.session(options.temperature === 0 ? 'greedy' : 'sample');
    while (rows.length > 0 && options.stopped?.() !== true) {
      const steps = Math.min(stretchLength, Math.max(...rows.map(({ ids, limit }) => limit - ids.length)));
      const feeds = { ...parameters, ...cache, ...rowFeeds(rows, prompts, options, steps) };
      const outputs = await session.run(pick(feeds, session.inputNames));
      cache = grownCache(outputs, config.layers);
      const finished = advance(rows, outputs, config);
      yield* finished.map(toCompletion(config));
      rows = rows.filter((row) => !finished.includes(row));
    }
  }

  async close(): Promise<void> {
    for (const session of this.sessions.values()) await (await session).close();
    this.sessions.clear();
  }

  /** Reads every prompt but its last token, which the first stretch reads. */
  private async prefill(parameters: Cache, prompts: readonly SamplingPrompt[]): Promise<Cache> {
    const session = await this.session('prefill');
    const length = prefilled(prompts);
    const ids = new BigInt64Array(prompts.length * length);
    prompts.forEach((prompt, index) => ids.set(int64(prompt.ids.slice(0, -1)), index * length));
    return session.run(pick({ ...parameters, ids: { data: ids, dims: [prompts.length, length] } }, session.inputNames));
  }

  private session(which: 'prefill' | Drawing): Promise<Session> {
    let session = this.sessions.get(which);
    if (session === undefined) {
      const graph =
        which === 'prefill' ? prefillGraph(this.model, this.spec) : stretchGraph(this.model, this.spec, which);
      session = Session.open(graph.toModel(), this.options);
      this.sessions.set(which, session);
    }
    return session;
  }
}

/** Positions read by prefill: at least one, so that no cache is empty. */
function prefilled(prompts: readonly SamplingPrompt[]): number {
  return Math.max(1, ...prompts.map(({ ids }) => ids.length - 1));
}

function checkOptions(config: DecoderConfig, prompts: readonly SamplingPrompt[], options: SamplingOptions): void {
  if (!(options.temperature >= 0)) throw new RangeError(`temperature is ${options.temperature}; it must be 0 or more`);
  if (!(options.maxNewTokens >= 1))
    throw new RangeError(`max_new_tokens is ${options.maxNewTokens}; it must be 1 or more`);
  prompts.forEach(({ ids, index }) => {
    if (ids.length === 0) throw new RangeError(`prompt ${index} has no tokens; it needs at least one`);
    if (ids.length >= config.context) {
      throw new RangeError(
        `prompt ${index} has ${ids.length} tokens, which leaves no room in the model's context of ${config.context}`,
      );
    }
    const bad = ids.find((id) => id >= config.vocabulary);
    if (bad !== undefined)
      throw new RangeError(`prompt ${index} has token id ${bad}; the vocabulary has ${config.vocabulary}`);
  });
}

function startRows(config: DecoderConfig, prompts: readonly SamplingPrompt[], options: SamplingOptions): Row[] {
  const length = prefilled(prompts);
  return prompts.flatMap(({ ids }, prompt) =>
    Array.from({ length: options.samplesPerPrompt }, (_, sample) => ({
      prompt,
      sample,
      limit: Math.min(options.maxNewTokens, config.context - ids.length),
      ids: [],
      logprobs: [],
      past: Array.from({ length }, (_, position) => (position < ids.length - 1 ? position : -1)),
      pastRow: prompt,
      token: ids.at(-1) as number,
      position: ids.length - 1,
    })),
  );
}

function rowFeeds(
  rows: readonly Row[],
  prompts: readonly SamplingPrompt[],
  options: SamplingOptions,
  steps: number,
): Readonly<Record<string, TensorArray>> {
  const count = rows.length;
  const width = rows[0]?.past.length ?? 0;
  const uniforms = new Float32Array(steps * count);
  const own = new Float32Array(steps);
  rows.forEach((row, r) => {
    const { index } = prompts[row.prompt] as SamplingPrompt;
    fillUniforms(own, options.seed, options.step, index, row.sample, row.ids.length);
    for (let s = 0; s < steps; s++) uniforms[s * count + r] = own[s] as number;
  });
  return {
    rows: { data: int64(rows.map(({ pastRow }) => pastRow)), dims: [count] },
    pastPositions: { data: int64(rows.flatMap(({ past }) => past)), dims: [count, width] },
    token: { data: int64(rows.map(({ token }) => token)), dims: [count] },
    position: { data: int64(rows.map(({ position }) => position)), dims: [count] },
    steps: { data: int64([steps]), dims: [] },
    inverseTemperature: { data: Float32Array.of(options.temperature === 0 ? 1 : 1 / options.temperature), dims: [] },
    uniforms: { data: uniforms, dims: [steps, count] },
  };
}

function grownCache(outputs: Cache, layers: number): Cache {
  const cache: Record<string, TensorArray> = {};
  for (let layer = 0; layer < layers; layer++) {
    for (const name of [cacheNames.keys(layer), cacheNames.values(layer)])
      cache[name] = outputs[`grown.${name}`] as TensorArray;
  }
  return cache;
}

/** Takes a stretch's tokens into the rows; returns those that are finished. */
function advance(rows: readonly Row[], outputs: Cache, config: DecoderConfig): readonly Row[] {
  const tokens = outputs['tokens'] as TensorArray<BigInt64Array>;
  const logprobs = outputs['logprobs']?.data as Float32Array;
  const [drawn, count] = tokens.dims as [number, number];
  rows.forEach((row, r) => {
    for (let s = 0; s < drawn && !isFinished(row, config); s++) {
      row.ids.push(Number(tokens.data[s * count + r]));
      row.logprobs.push(logprobs[s * count + r] as number);
    }
    const { position } = row;
    row.past = [...row.past, ...Array.from({ length: drawn }, (_, step) => position + step)];
    row.pastRow = r;
    row.token = row.ids.at(-1) as number;
    row.position += drawn;
  });
  return rows.filter((row) => isFinished(row, config));
}

function isFinished({ ids, limit }: Row, config: DecoderConfig): boolean {
  return ids.length >= limit || config.eosIds.includes(ids.at(-1) ?? -1);
}

function toCompletion(config: DecoderConfig) {
  return ({ prompt, sample, ids, logprobs }: Row): SampledCompletion => ({
    prompt,
    sample,
    ids,
    logprobs: Float32Array.from(logprobs),
    finishReason: config.eosIds.includes(ids.at(-1) ?? -1) ? 'stop' : 'length',
  });
}
