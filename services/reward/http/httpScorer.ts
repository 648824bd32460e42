/** A scorer that asks somebody over HTTP. */
import { NoScore, type Outcome, type ScoreItem, type Scorer, type ScorerDescription } from '@gapo/reward';
import { readHttpFile } from './httpFile.js';
import { protocolOf, type Protocol } from './protocols.js';
import { post, type Endpoint } from './request.js';

/** Options of {@link HttpScorer.open}. */
export interface HttpOptions {
  /** The YAML file. */
  readonly path: string;
  /** The objective's name, in place of the file's. */
  readonly objective?: string | undefined;
  /** Sent as a bearer token. @default none */
  readonly token?: string | undefined;
}

/** Splits batches into requests, some at a time. */
export class HttpScorer implements Scorer {
  readonly description: ScorerDescription;
  readonly #protocol: Protocol;
  readonly #endpoint: Endpoint;
  readonly #concurrency: number;

  private constructor(description: ScorerDescription, protocol: Protocol, endpoint: Endpoint, concurrency: number) {
    this.description = description;
    this.#protocol = protocol;
    this.#endpoint = endpoint;
    this.#concurrency = concurrency;
  }

  /**
   * Reads and checks a file; whoever it names is asked at the first batch.
   *
   * @throws UserError or ConfigError that says what is wrong with it
   */
  static async open({ path, objective, token }: HttpOptions): Promise<HttpScorer> {
    const { file, version } = await readHttpFile(path);
    const { url, timeoutMs } = file;
    const description: ScorerDescription = {
      objective: objective ?? file.objective,
      model: `${file.protocol}: ${'model' in file ? file.model : url}`,
      version,
      orientation: file.orientation,
      minimum: 'minimum' in file ? file.minimum : undefined,
      maximum: 'maximum' in file ? file.maximum : undefined,
      threshold: file.threshold,
      maxTokens: 0,
    };
    return new HttpScorer(description, protocolOf(file), { url, timeoutMs, token }, file.concurrency);
  }

  async score(items: readonly ScoreItem[], signal: AbortSignal): Promise<readonly Outcome[]> {
    const outcomes = new Array<Outcome>(items.length);
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < items.length) {
        const start = next;
        const batch = items.slice(start, (next += this.#protocol.batch));
        (await this.#ask(batch, signal)).forEach((outcome, k) => (outcomes[start + k] = outcome));
      }
    };
    await Promise.all(Array.from({ length: this.#concurrency }, lane));
    return outcomes;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** One request. A failure of the whole is one of each item. */
  async #ask(batch: readonly ScoreItem[], signal: AbortSignal): Promise<readonly Outcome[]> {
    try {
      const answer = await post(this.#endpoint, this.#protocol.request(batch), signal);
      return this.#protocol.read(answer, batch.length).map(outcomeOf);
    } catch (error) {
      if (!(error instanceof NoScore)) throw error;
      return batch.map(() => outcomeOf(error));
    }
  }
}

function outcomeOf(found: number | NoScore): Outcome {
  return typeof found === 'number' ? { score: found } : { problem: found.message, retryable: found.retryable };
}
