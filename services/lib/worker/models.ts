/** Models that a tensor thread holds: read once, checked against the hash that the coordinator gave. */
import { resolve } from 'node:path';
import { type DecoderModel, ModelError, type TrainableSpec, readDecoderModel } from '@gapo/model';

/** Which engine: a model and what is trained of it. */
export interface EngineKey {
  /** The model directory, as the request names it. */
  readonly model: string;
  readonly modelSha256: string;
  readonly trainable: TrainableSpec;
}

/** Makes an engine for each key once, on a model read once. Keeps those of the latest few runs. */
export class EngineHolder<Engine extends { close(): Promise<void> }> {
  private readonly make: (model: DecoderModel, trainable: TrainableSpec) => Promise<Engine>;
  private readonly root: string;
  private readonly engines = new Map<string, Promise<Engine>>();

  /** Relative model directories start at `root`. */
  constructor(root: string, make: (model: DecoderModel, trainable: TrainableSpec) => Promise<Engine>) {
    this.root = root;
    this.make = make;
  }

  /** The engine for a key. Throws ModelError where the directory is not the model that the coordinator has. */
  get(key: EngineKey): Promise<Engine> {
    const name = JSON.stringify([key.modelSha256, key.model, key.trainable]);
    let engine = this.engines.get(name);
    if (engine === undefined) {
      engine = this.open(key);
      this.engines.set(name, engine);
      engine.catch(() => this.engines.delete(name));
      void this.closeOldest();
    }
    return engine;
  }

  private async open({ model, modelSha256, trainable }: EngineKey): Promise<Engine> {
    const directory = resolve(this.root, model);
    const read = await readDecoderModel(directory);
    if (read.sha256 !== modelSha256) {
      throw new ModelError(
        directory,
        `has weights with SHA-256 ${read.sha256.slice(0, 12)}…, the coordinator's have ${modelSha256.slice(0, 12)}…; ` +
          'give every service the same model directory',
      );
    }
    return this.make(read, trainable);
  }

  private async closeOldest(): Promise<void> {
    const [oldest] = this.engines.keys();
    if (this.engines.size <= enginesKept || oldest === undefined) return;
    const engine = this.engines.get(oldest);
    this.engines.delete(oldest);
    await engine?.then((opened) => opened.close()).catch(() => undefined);
  }
}

/** Engines held at a time: one for each of this many runs that take turns. */
const enginesKept = 2;
