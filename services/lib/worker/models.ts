/** The models of a tensor thread: read once and checked against the hash sent by the coordinator. */
import { resolve } from 'node:path';
import { type DecoderModel, ModelError, type TrainableSpec, readDecoderModel, withWideWeights } from '@gapo/model';

/** How a run's policy is computed. It affects at least the last bits of the result. */
export interface Computation {
  readonly precision: 'float32' | 'float16';
  /** MiB for the activations of a micro-batch. */
  readonly memoryBudget: number;
  /** Whether backward passes recompute each layer instead of keeping its activations. */
  readonly recompute: boolean;
}

/** Identifies an engine: a model, its trained tensors, and how it computes. */
export interface EngineKey {
  /** The model directory as named in the request. */
  readonly model: string;
  readonly modelSha256: string;
  /** Keys of the model's JSON files that are read as if they were absent. */
  readonly ignoreKeys: readonly string[];
  readonly trainable: TrainableSpec;
  readonly computation: Computation;
}

/** Identifies a model and how its files are read. */
export type ModelKey = Pick<EngineKey, 'model' | 'modelSha256' | 'ignoreKeys'>;

/**
 * Reads the coordinator's model from a directory on this machine.
 *
 * @param modelRoot the base of relative model directories
 * @throws ModelError if the directory does not contain it
 */
export async function readAgreedModel(
  modelRoot: string,
  { model, modelSha256, ignoreKeys }: ModelKey,
): Promise<DecoderModel> {
  const directory = resolve(modelRoot, model);
  const read = await readDecoderModel(directory, { ignoreKeys });
  if (read.sha256 === modelSha256) return read;
  throw new ModelError(
    directory,
    `has weights with SHA-256 ${read.sha256.slice(0, 12)}…, the coordinator's have ${modelSha256.slice(0, 12)}…; ` +
      'give every service the same model directory',
  );
}

/** Directories of models. */
export interface ModelPlaces {
  /** The base of relative model directories. */
  readonly modelRoot: string;
  /** A directory for float32 copies of weights in other formats, written once for all processes. */
  readonly modelCache: string;
}

/** Reads each model once for all engines. It keeps the locations of the tensors, not their elements. */
export class ModelStore {
  readonly #places: ModelPlaces;
  readonly #models = new Map<string, Promise<DecoderModel>>();

  constructor(places: ModelPlaces) {
    this.#places = places;
  }

  /**
   * The model of a key, with float32 weights in files. @throws ModelError if the directory does not contain the coordinator's model
   */
  get(key: ModelKey): Promise<DecoderModel> {
    const name = JSON.stringify([key.model, key.modelSha256, key.ignoreKeys]);
    let read = this.#models.get(name);
    if (read === undefined) {
      read = this.#read(key);
      this.#models.set(name, read);
      read.catch(() => this.#models.delete(name));
    }
    return read;
  }

  async #read(key: ModelKey): Promise<DecoderModel> {
    return withWideWeights(await readAgreedModel(this.#places.modelRoot, key), this.#places.modelCache);
  }
}

/** Number of engines kept: one for each of two alternating runs. */
const enginesKept = 2;

/** Creates one engine per key and keeps those of the latest runs. */
export class EngineHolder<Engine extends { close(): Promise<void> }> {
  readonly #make: (model: DecoderModel, key: EngineKey) => Promise<Engine>;
  readonly #models: ModelStore;
  readonly #engines = new Map<string, Promise<Engine>>();

  constructor(models: ModelStore, make: (model: DecoderModel, key: EngineKey) => Promise<Engine>) {
    this.#models = models;
    this.#make = make;
  }

  /** The engine for a key. @throws ModelError if the directory does not contain the coordinator's model */
  get(key: EngineKey): Promise<Engine> {
    const name = JSON.stringify([key.modelSha256, key.model, key.ignoreKeys, key.trainable, key.computation]);
    let engine = this.#engines.get(name);
    if (engine === undefined) {
      engine = this.#open(key);
      this.#engines.set(name, engine);
      engine.catch(() => this.#engines.delete(name));
      void this.#closeOldest();
    }
    return engine;
  }

  async #open(key: EngineKey): Promise<Engine> {
    return this.#make(await this.#models.get(key), key);
  }

  async #closeOldest(): Promise<void> {
    const [oldest] = this.#engines.keys();
    if (this.#engines.size <= enginesKept || oldest === undefined) return;
    const engine = this.#engines.get(oldest);
    this.#engines.delete(oldest);
    await engine?.then((opened) => opened.close()).catch(() => undefined);
  }
}
