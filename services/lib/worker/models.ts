/** Models that a tensor thread holds: read once, checked against the hash that the coordinator gave. */
import { resolve } from 'node:path';
import { type DecoderModel, ModelError, type TrainableSpec, readDecoderModel, withWideWeights } from '@gapo/model';

/** How a run has its policy computed: part of its result. */
export interface Computation {
  readonly precision: 'float32' | 'float16';
  /** MiB for the activations of a micro-batch. */
  readonly memoryBudget: number;
  /** Whether backward passes compute each layer again instead of keeping what it computed. */
  readonly recompute: boolean;
}

/** Which engine: a model, what is trained of it, and how. */
export interface EngineKey {
  /** The model directory, as the request names it. */
  readonly model: string;
  readonly modelSha256: string;
  readonly trainable: TrainableSpec;
  readonly computation: Computation;
}

/** Where models are. */
export interface ModelPlaces {
  /** Where relative model directories start. */
  readonly modelRoot: string;
  /** Where weights that are not F32 are widened to, once for all processes. */
  readonly modelCache: string;
}

/** Reads each model once, whatever engines are made on it. What it keeps of one is where its tensors lie. */
export class ModelStore {
  readonly #places: ModelPlaces;
  readonly #models = new Map<string, Promise<DecoderModel>>();

  constructor(places: ModelPlaces) {
    this.#places = places;
  }

  /** The model of a key, its weights float32 in files. Throws ModelError where the directory is not the model that the coordinator has. */
  get({ model, modelSha256 }: Pick<EngineKey, 'model' | 'modelSha256'>): Promise<DecoderModel> {
    const name = JSON.stringify([model, modelSha256]);
    let read = this.#models.get(name);
    if (read === undefined) {
      read = this.#read(model, modelSha256);
      this.#models.set(name, read);
      read.catch(() => this.#models.delete(name));
    }
    return read;
  }

  async #read(model: string, sha256: string): Promise<DecoderModel> {
    const directory = resolve(this.#places.modelRoot, model);
    const read = await readDecoderModel(directory);
    if (read.sha256 !== sha256) {
      throw new ModelError(
        directory,
        `has weights with SHA-256 ${read.sha256.slice(0, 12)}…, the coordinator's have ${sha256.slice(0, 12)}…; ` +
          'give every service the same model directory',
      );
    }
    return withWideWeights(read, this.#places.modelCache);
  }
}

/** Makes an engine for each key once. Keeps those of the latest few runs. */
export class EngineHolder<Engine extends { close(): Promise<void> }> {
  readonly #make: (model: DecoderModel, key: EngineKey) => Promise<Engine>;
  readonly #models: ModelStore;
  readonly #engines = new Map<string, Promise<Engine>>();

  constructor(models: ModelStore, make: (model: DecoderModel, key: EngineKey) => Promise<Engine>) {
    this.#models = models;
    this.#make = make;
  }

  /** The engine for a key. Throws ModelError where the directory is not the model that the coordinator has. */
  get(key: EngineKey): Promise<Engine> {
    const name = JSON.stringify([key.modelSha256, key.model, key.trainable, key.computation]);
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

/** Engines held at a time: one for each of this many runs that take turns. */
const enginesKept = 2;
