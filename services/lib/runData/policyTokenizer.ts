/** Encodes a run's prompts and decodes its completions in a child process. */
import { join } from 'node:path';
import type { DecodingOptions, Prompt, Tokenizer } from '@gapo/model';
import { RpcError, underSignals } from '@gapo/rpc';
import { ProcessEndedError, UserError, type WorkerProcess } from '@gapo/service';
import type * as tasks from './dataProcess.js';

/** Processes that read data, encode and decode. */
export type DataProcesses = WorkerProcess<
  Pick<typeof tasks, 'read' | 'encode' | 'decode' | 'pieces'>,
  tasks.DataProgress
>;

/** How long one batch may take, in milliseconds. */
const limitMs = 120_000;

const undecoded = 'the tokens of completions could not be decoded';

/** How prompts are encoded. */
export type EncodingOptions = Pick<tasks.EncodeRequest, 'decoder' | 'reserved'>;

/** The tokenizer of one model. */
export class PolicyTokenizer implements Pick<Tokenizer, 'decodeAll' | 'piecesOfAll'> {
  readonly #processes: DataProcesses;
  readonly #tokenizer: tasks.TokenizerSource;
  readonly #closing: AbortSignal;

  /** @param closing aborted when the processes end */
  constructor(processes: DataProcesses, tokenizer: tasks.TokenizerSource, closing: AbortSignal) {
    this.#processes = processes;
    this.#tokenizer = tokenizer;
    this.#closing = closing;
  }

  /**
   * Encodes prompts. If the process ends, another one tries once more: the system may have ended it.
   *
   * @returns the token ids of each, or why it cannot be sampled from
   * @throws UserError if the tokenizer can no longer be read, both processes ended, or one took too long
   * @throws RpcError CANCELLED if the processes end because the coordinator does
   */
  encodePrompts(
    prompts: readonly Prompt[],
    options: EncodingOptions,
  ): Promise<readonly (readonly number[] | string)[]> {
    const request = { tokenizer: this.#tokenizer, prompts, ...options };
    return this.#twice('the prompts could not be encoded', 'normalizer and pre_tokenizer', (endProcess) =>
      this.#processes.run('encode', request, { endProcess }),
    );
  }

  /**
   * Decodes rows of token ids. If the process ends, another one tries once more: the system may have ended it.
   *
   * @throws UserError if the tokenizer can no longer be read, both processes ended, or one took too long
   * @throws RpcError CANCELLED if the processes end because the coordinator does
   */
  decodeAll(rows: readonly (readonly number[])[], options: DecodingOptions = {}): Promise<string[]> {
    const request = { tokenizer: this.#tokenizer, rows: copied(rows), options };
    return this.#twice(undecoded, 'decoder', (endProcess) => this.#processes.run('decode', request, { endProcess }));
  }

  /** Returns the text of each token of rows, at most `longest` of each. It tries twice and throws like {@link decodeAll}. */
  piecesOfAll(rows: readonly (readonly number[])[], longest: number): Promise<string[][]> {
    const request = { tokenizer: this.#tokenizer, rows: copied(rows), longest };
    return this.#twice(undecoded, 'decoder', (endProcess) => this.#processes.run('pieces', request, { endProcess }));
  }

  /** @param check the parts of tokenizer.json that may be wrong */
  async #twice<T>(what: string, check: string, work: (endProcess: AbortSignal) => Promise<T>): Promise<T> {
    const once = (): Promise<T> => underSignals([AbortSignal.timeout(limitMs), this.#closing], work);
    try {
      return await once().catch((error: unknown) => {
        if (error instanceof ProcessEndedError && !error.outOfMemory) return once();
        throw error;
      });
    } catch (error) {
      if (this.#closing.aborted) throw new RpcError('CANCELLED', 'the coordinator is stopping');
      if (error instanceof RpcError) throw new UserError(error.details, { cause: error });
      const { name, message } = error as Error;
      if (!(error instanceof ProcessEndedError) && name !== 'TimeoutError') throw error;
      const why = name === 'TimeoutError' ? `it took longer than ${limitMs / 1000} s` : message;
      throw new UserError(`${join(this.#tokenizer.directory, 'tokenizer.json')}: ${what}: ${why}; check its ${check}`, {
        cause: error,
      });
    }
  }
}

/** Arrays of their own, which can be sent to a process. */
const copied = (rows: readonly (readonly number[])[]): number[][] => rows.map((ids) => [...ids]);
