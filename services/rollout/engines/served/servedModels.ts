/**
 * The parts of a run's model that the worker itself needs: its configuration, and the tokenizer for stop
 * strings.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type DecoderConfig, Tokenizer } from '@gapo/model';
import { type ModelKey, readAgreedModel } from '@gapo/worker';

/** A model that servers sample from. */
export interface ServedModel {
  readonly config: DecoderConfig;
  /** Undefined if the directory has none. */
  readonly tokenizer: Tokenizer | undefined;
  /** The ids that may be drawn, [V]; undefined: all. */
  readonly drawable: Uint8Array | undefined;
}

/** Number of models kept: one for each of two alternating runs. */
const modelsKept = 2;

/** Reads each model once. */
export class ServedModels {
  readonly #modelRoot: string;
  readonly #models = new Map<string, Promise<ServedModel>>();

  /** @param modelRoot the base of relative model directories */
  constructor(modelRoot: string) {
    this.#modelRoot = modelRoot;
  }

  /** @throws ModelError if the directory does not contain the coordinator's model */
  get({ model, modelSha256, ignoreKeys }: ModelKey): Promise<ServedModel> {
    const name = JSON.stringify([model, modelSha256, ignoreKeys]);
    let read = this.#models.get(name);
    if (read === undefined) {
      read = this.#read({ model, modelSha256, ignoreKeys });
      this.#models.set(name, read);
      read.catch(() => this.#models.delete(name));
      const [oldest] = this.#models.keys();
      if (this.#models.size > modelsKept && oldest !== undefined) this.#models.delete(oldest);
    }
    return read;
  }

  async #read(key: ModelKey): Promise<ServedModel> {
    const { directory, config } = await readAgreedModel(this.#modelRoot, key);
    const found = await stat(join(directory, 'tokenizer.json')).catch(() => undefined);
    const { ignoreKeys } = key;
    const tokenizer = found === undefined ? undefined : await Tokenizer.read(directory, { ignoreKeys });
    return { config, tokenizer, drawable: tokenizer?.drawable(config) };
  }
}
