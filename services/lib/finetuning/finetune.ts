/** A whole fine-tuning: data, updates, held-out losses, savepoints, the result. */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type DecoderModel,
  type LoraSpec,
  type TrainableSpec,
  type Weight,
  Tokenizer,
  initialTensors,
  linearTargets,
  readDecoderModel,
  withWideWeights,
} from '@gapo/model';
import { adamWStep, clipGlobalNorm, createAdamWState, learningRateAt, type Schedule } from '@gapo/optimizer';
import { type Sequence, SupervisedEngine } from '@gapo/policy';
import { configSha256 } from '@gapo/settings';
import { UserError } from '@gapo/telemetry';
import { readConversations } from './conversations.js';
import { heldOutSplit, updatesOf } from './order.js';
import { type Progress, Savepoint } from './savepoint.js';
import type { FinetuningSettings } from './settings.js';
import { checkOut, writeModel } from './trainedModel.js';

/** What happens on the way. */
export type FinetuningEvent =
  | {
      readonly event: 'start';
      /** Updates in all. */
      readonly updates: number;
      /** Updates that an earlier process made. */
      readonly done: number;
      readonly sequences: number;
      readonly heldOutSequences: number;
      /** Elements of the trained tensors. */
      readonly parameters: number;
    }
  | {
      readonly event: 'update';
      /** From 1. */
      readonly update: number;
      /** Mean negative log-likelihood of a learned token, in nats. */
      readonly loss: number;
      readonly learningRate: number;
      /** Learned tokens. */
      readonly tokens: number;
      readonly seconds: number;
    }
  | { readonly event: 'heldOut'; readonly update: number; readonly loss: number }
  | {
      /** The end; `finished` is false where it was asked to stop: the same settings go on from there. */
      readonly event: 'end';
      readonly finished: boolean;
      readonly updates: number;
      /** Mean over the last tenth of the updates. */
      readonly loss: number | null;
      /** Held-out loss at the start and after each epoch. */
      readonly heldOutLosses: readonly number[];
      /** SHA-256 (hex) of the weights' file; null where it is not finished. */
      readonly sha256: string | null;
    };

/** The linear maps of attention and feed-forward layer that a LoRA has adapters for where none are named: all. */
function loraOf({ config }: DecoderModel, lora: FinetuningSettings['lora']): LoraSpec | undefined {
  if (lora === undefined) return undefined;
  const known = linearTargets(config);
  const targets = lora.targets ?? known;
  const stray = targets.find((target) => !known.includes(target));
  if (stray !== undefined) throw new UserError(`LoRA has the target '${stray}'; the model has ${known.join(', ')}`);
  return { rank: lora.rank, alpha: lora.alpha, targets };
}

/** Everything that a training reads, before its first update. */
interface Material {
  readonly model: DecoderModel;
  readonly lora: LoraSpec | undefined;
  readonly spec: TrainableSpec;
  readonly sequences: readonly Sequence[];
  readonly heldOut: readonly Sequence[];
  /** Places of the sequences that make up each update. */
  readonly updates: readonly (readonly number[])[];
  /** What the training is of, in one hash. */
  readonly identity: string;
}

async function prepare(settings: FinetuningSettings): Promise<Material> {
  const [model, tokenizer] = await Promise.all([readDecoderModel(settings.model), Tokenizer.read(settings.model)]);
  tokenizer.assertFits(model.config, settings.model);
  const conversations = await readConversations(settings.data, {
    encodePrompt: (text) => tokenizer.encodePrompt(text),
    encode: (text, options) => tokenizer.encode(text, options),
    renderChat: (turns, openReply) => tokenizer.renderChat(turns, openReply),
    endId: tokenizer.endId(model.config),
    context: model.config.context,
  });
  const { batch, epochs, seed } = settings;
  const split = heldOutSplit(conversations.length, settings.heldOut, seed);
  const sequences = split.training.flatMap((place) => conversations[place]!);
  if (sequences.length === 0) {
    throw new UserError(`${settings.data.join(', ')}: every line is held out; write more, or lower the held-out share`);
  }
  const lengths = sequences.map(({ promptIds, completionIds }) => promptIds.length + completionIds.length);
  const lora = loraOf(model, settings.lora);
  return {
    model,
    lora,
    spec: { ...(lora && { lora }), valueHeads: 0 },
    sequences,
    heldOut: split.heldOut.flatMap((place) => conversations[place]!),
    updates: updatesOf(lengths, batch, epochs, seed),
    identity: identity(settings, model.sha256, conversations),
  };
}

/** The state at the start, in memory of its own. */
function untrained({ model, spec }: Material, seed: number): Progress {
  const tensors = initialTensors(model.config, spec, seed, model.weights);
  const optimizer = createAdamWState(tensors.map(({ data }) => data));
  return { tensors, optimizer, losses: [], heldOutLosses: [] };
}

function scheduleOf({ schedule: kind, learningRate: peak, warmup }: FinetuningSettings, totalSteps: number): Schedule {
  const warmupSteps = Math.min(Math.ceil(warmup * totalSteps), totalSteps - 1);
  return kind === 'constant' ? { kind, peak, warmupSteps } : { kind, peak, warmupSteps, totalSteps };
}

/**
 * Trains, from where an earlier process with the same settings stopped.
 *
 * @param report told what happens, as it happens
 * @param stop asked between updates
 * @throws ModelError, UserError that say what to mend
 */
export async function finetune(
  settings: FinetuningSettings,
  report: (event: FinetuningEvent) => void,
  stop: () => Promise<boolean>,
): Promise<void> {
  const { out, epochs } = settings;
  await checkOut(out);
  const material = await prepare(settings);
  const { model, lora, spec, sequences, heldOut, updates } = material;
  const savepoint = new Savepoint(out, material.identity);
  const begun = untrained(material, settings.seed);
  const progress = (await savepoint.read(begun.tensors)) ?? begun;
  report({
    event: 'start',
    updates: updates.length,
    done: progress.losses.length,
    sequences: sequences.length,
    heldOutSequences: heldOut.length,
    parameters: begun.tensors.reduce((total, { data }) => total + data.length, 0),
  });

  const wide = join(out, '.training.weights');
  const frozen = lora === undefined ? new Map<string, Weight>() : (await withWideWeights(model, wide)).weights;
  const engine = await SupervisedEngine.open(model.config, spec, frozen, settings);
  const trainer = new Trainer(engine, progress, settings, scheduleOf(settings, updates.length));
  const measure = async (): Promise<void> => {
    if (heldOut.length === 0) return;
    const loss = await trainer.lossOf(heldOut);
    progress.heldOutLosses.push(loss);
    report({ event: 'heldOut', update: progress.losses.length, loss });
  };
  if (progress.losses.length === 0) await measure();
  while (progress.losses.length < updates.length && !(await stop())) {
    const update = await trainer.update(updates[progress.losses.length]!.map((place) => sequences[place]!));
    report({ event: 'update', ...update });
    const done = progress.losses.length;
    if (done % (updates.length / epochs) === 0) await measure();
    if (done % settings.checkpointEvery === 0 && done < updates.length) await savepoint.write(progress);
  }
  await engine.close();
  const finished = progress.losses.length === updates.length;
  if (finished) {
    await writeModel(out, model, progress.tensors, lora);
    await savepoint.remove();
    await rm(wide, { recursive: true, force: true });
  } else if (progress.losses.length > 0) await savepoint.write(progress);
  const last = progress.losses.slice(-Math.ceil(progress.losses.length / 10));
  report({
    event: 'end',
    finished,
    updates: progress.losses.length,
    loss: progress.losses.length === 0 ? null : last.reduce((sum, loss) => sum + loss, 0) / last.length,
    heldOutLosses: progress.heldOutLosses,
    sha256: finished ? (await readDecoderModel(out)).sha256 : null,
  });
}

/** What a training is of, in one hash. Where it runs does not matter: threads and the directory of the result are left out. */
function identity(settings: FinetuningSettings, modelSha256: string, conversations: readonly unknown[]): string {
  const { out: _out, threads: _threads, checkpointEvery: _every, data: _data, model: _model, ...decisive } = settings;
  const data = createHash('sha256').update(JSON.stringify(conversations)).digest('hex');
  return configSha256({ ...decisive, data, modelSha256 });
}

/** Makes updates, with losses and gradients computed in pieces of the size that fits into memory. */
class Trainer {
  readonly #engine: SupervisedEngine;
  readonly #progress: Progress;
  readonly #settings: FinetuningSettings;
  readonly #schedule: Schedule;

  constructor(engine: SupervisedEngine, progress: Progress, settings: FinetuningSettings, schedule: Schedule) {
    this.#engine = engine;
    this.#progress = progress;
    this.#settings = settings;
    this.#schedule = schedule;
  }

  /** Takes the next update, in place. */
  async update(sequences: readonly Sequence[]): Promise<Omit<Extract<FinetuningEvent, { event: 'update' }>, 'event'>> {
    const began = performance.now();
    const { learningRate: peak, maxGradNorm, weightDecay } = this.#settings;
    const { tensors, optimizer, losses } = this.#progress;
    const update = losses.length + 1;
    const { loss, tokens, gradients } = await this.#gradients(sequences);
    if (!Number.isFinite(loss)) {
      throw new UserError(`update ${update}: the loss is ${loss}; lower the learning rate, which is ${peak}`);
    }
    clipGlobalNorm(gradients, maxGradNorm);
    const learningRate = learningRateAt(this.#schedule, update - 1);
    const parameters = tensors.map(({ data }) => data);
    adamWStep(parameters, gradients, optimizer, { learningRate, direction: 'descend', weightDecay });
    losses.push(loss);
    return { update, loss, learningRate, tokens, seconds: (performance.now() - began) / 1000 };
  }

  /** Mean loss of the sequences' learned tokens. */
  async lossOf(sequences: readonly Sequence[]): Promise<number> {
    let total = 0;
    for (const piece of this.#pieces(sequences)) {
      const { loss, tokens } = await this.#engine.compute(this.#progress.tensors, piece);
      total += loss * tokens;
    }
    return total / tokensOf(sequences);
  }

  /** Mean loss of the sequences' learned tokens, and its gradient: the pieces' means, weighted by their tokens. */
  async #gradients(
    sequences: readonly Sequence[],
  ): Promise<{ readonly loss: number; readonly tokens: number; readonly gradients: readonly Float32Array[] }> {
    const tokens = tokensOf(sequences);
    const sum = this.#progress.tensors.map(({ data }) => new Float32Array(data.length));
    let loss = 0;
    for (const piece of this.#pieces(sequences)) {
      const found = await this.#engine.compute(this.#progress.tensors, piece);
      const share = found.tokens / tokens;
      loss += share * found.loss;
      found.gradients.forEach((gradient, k) => {
        const into = sum[k]!;
        for (let i = 0; i < into.length; i++) into[i]! += share * gradient[i]!;
      });
    }
    return { loss, tokens, gradients: sum };
  }

  *#pieces(sequences: readonly Sequence[]): Generator<readonly Sequence[]> {
    const { microBatch } = this.#settings;
    for (let start = 0; start < sequences.length; start += microBatch) {
      yield sequences.slice(start, start + microBatch);
    }
  }
}

function tokensOf(sequences: readonly Sequence[]): number {
  return sequences.reduce((total, { completionIds }) => total + completionIds.length, 0);
}
