/** The answer to a request: its text, and the JSON in it. */
import type { z } from '@gapo/service';
import { excerpt } from './excerpt.js';
import { parseJson } from './json.js';
import type { RequestFailure, RequestFailureOptions } from './requestFailure.js';

/** Makes a failure whose message begins with the server's name, and has no secrets. */
export type NamedFailure = (message: string, options?: RequestFailureOptions) => RequestFailure;

/** An answer with a status of success. */
export class Answer {
  readonly status: number;
  readonly text: string;
  readonly #type: string;
  readonly #failure: NamedFailure;

  /** @param type the content type; null if the server did not send one */
  constructor(status: number, type: string | null, text: string, failure: NamedFailure) {
    this.status = status;
    this.text = text;
    this.#type = type ?? 'no content type';
    this.#failure = failure;
  }

  /**
   * Parses the answer as JSON, in which numbers may be NaN, Infinity and -Infinity.
   *
   * @throws RequestFailure if it is something else
   */
  json(): unknown {
    if (this.text.trim() === '') throw this.failure('the answer is empty');
    try {
      return parseJson(this.text);
    } catch (error) {
      throw this.failure(`the answer is not JSON (${this.#type}): ${excerpt(this.text)}`, { cause: error });
    }
  }

  /**
   * Returns the answer as a schema describes it.
   *
   * @throws RequestFailure that says which field is different otherwise
   */
  as<T>(schema: z.ZodType<T>): T {
    const { data, success, error } = schema.safeParse(this.json());
    if (success) return data;
    const [issue] = error.issues;
    const where = issue === undefined ? '' : ` (${issue.path.join('.')}: ${issue.message})`;
    throw this.failure(`the answer has another form than expected${where}: ${excerpt(this.text)}`);
  }

  /** Makes a failure of this answer. Its message begins with the server's name, and has no secrets. */
  failure(message: string, options: Pick<RequestFailureOptions, 'retryable' | 'cause'> = {}): RequestFailure {
    const { status, text: body } = this;
    return this.#failure(`HTTP ${status}: ${message}`, { status, body, ...options });
  }
}
