/** A whole fine-tuning: data, updates, held-out losses, savepoints, the result. */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { FinetuningSettings } from '@gapo/config';
import {
  type DecoderModel,
  type LoraSpec,
  type NamedTensor,
  type TrainableSpec,
  type Weight,
  TextCodec,
  Tokenizer,
  initialTensors,
  loraFor,
  readDecoderModel,
  withWideWeights,
} from '@gapo/model';
import { createAdamWState, type Schedule } from '@gapo/numeric';
import { type Sequence, SupervisedEngine } from '@gapo/policy';
import { configSha256, UserError } from '@gapo/service';
import { Descent, type MeanLoss } from '../descent/descent.js';
import { type TrainingEvent } from '../descent/events.js';
import { heldOutSplit, updatesOf } from '../descent/order.js';
import { readConversations } from './conversations.js';
import { type Progress, Savepoint } from './savepoint.js';
import { checkOut, writeModel } from './trainedModel.js';

/** What a fine-tuning comes to. A loss is the mean negative log-likelihood of learned tokens, in nats. */
export interface FinetuningResult {
  /** Mean over the last tenth of the updates. */
  readonly loss: number | null;
  /** Held-out loss at the start and after each epoch. */
  readonly heldOutLosses: readonly number[];
  /** SHA-256 (hex) of the weights' file; null where it is not finished: the same settings go on from there. */
  readonly sha256: string | null;
}

/** What happens on the way. An update's weight is its learned tokens. */
export type FinetuningEvent = TrainingEvent<FinetuningResult>;

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
  const model = await readDecoderModel(settings.model);
  const tokenizer = await Tokenizer.read(settings.model);
  tokenizer.assertFits(model.config, settings.model);
  const conversations = await readConversations(settings.data, TextCodec.of(tokenizer, model.config));
  const { batch, epochs, seed } = settings;
  const split = heldOutSplit(conversations.length, settings.heldOut, seed);
  const sequences = split.training.flatMap((place) => conversations[place]!);
  if (sequences.length === 0) {
    throw new UserError(`${settings.data.join(', ')}: every line is held out; write more, or lower the held-out share`);
  }
  const lengths = sequences.map(({ promptIds, completionIds }) => promptIds.length + completionIds.length);
  const lora = settings.lora && loraFor(model, settings.lora);
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
    examples: sequences.length,
    heldOut: heldOut.length,
    parameters: begun.tensors.reduce((total, { data }) => total + data.length, 0),
  });

  const wide = join(out, '.training.weights');
  const frozen = lora === undefined ? new Map<string, Weight>() : (await withWideWeights(model, wide)).weights;
  const engine = await SupervisedEngine.open(model.config, spec, frozen, settings);
  const compute = async (some: readonly Sequence[]): Promise<MeanLoss> => {
    const { loss, tokens: weight, gradients } = await engine.compute(progress.tensors, some);
    return { loss, weight, gradients };
  };
  const { microBatch, weightDecay, maxGradNorm } = settings;
  const descent = new Descent(
    progress.tensors.map(({ data }) => data),
    progress.optimizer,
    {
      examples: sequences,
      updates,
      compute,
      microBatch,
      schedule: scheduleOf(settings, updates.length),
      weightDecay,
      maxGradNorm,
    },
  );
  const measure = async (): Promise<void> => {
    if (heldOut.length === 0) return;
    const loss = await lossOf(engine, progress.tensors, heldOut, microBatch);
    progress.heldOutLosses.push(loss);
    report({ event: 'heldOut', update: descent.done, loss });
  };
  if (descent.done === 0) await measure();
  while (!descent.finished && !(await stop())) {
    const update = await descent.update();
    progress.losses.push(update.loss);
    report({ event: 'update', ...update });
    const { done } = descent;
    if (done % (updates.length / epochs) === 0) await measure();
    if (done % settings.checkpointEvery === 0 && !descent.finished) await savepoint.write(progress);
  }
  await engine.close();
  const { finished } = descent;
  if (finished) {
    await writeModel(out, model, progress.tensors, lora);
    await savepoint.remove();
    await rm(wide, { recursive: true, force: true });
  } else if (descent.done > 0) await savepoint.write(progress);
  const last = progress.losses.slice(-Math.ceil(progress.losses.length / 10));
  report({
    event: 'end',
    finished,
    updates: descent.done,
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

/** Mean loss of the sequences' learned tokens. */
async function lossOf(
  engine: SupervisedEngine,
  tensors: readonly NamedTensor[],
  sequences: readonly Sequence[],
  microBatch: number,
): Promise<number> {
  let [total, tokens] = [0, 0];
  for (let start = 0; start < sequences.length; start += microBatch) {
    const part = await engine.compute(tensors, sequences.slice(start, start + microBatch));
    total += part.loss * part.tokens;
    tokens += part.tokens;
  }
  return total / tokens;
}
