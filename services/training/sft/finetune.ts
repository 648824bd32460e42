/** Supervised fine-tuning: data, updates, held-out losses, savepoints, the result. */
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
import { at, createAdamWState, type Schedule } from '@gapo/numeric';
import { type Sequence, SupervisedEngine } from '@gapo/policy';
import { configSha256, UserError } from '@gapo/service';
import { Descent, type MeanLoss } from '../descent/descent.js';
import { type TrainingEvent } from '../descent/events.js';
import { heldOutSplit, updatesOf, warmupSteps } from '../descent/order.js';
import { readConversations } from './conversations.js';
import { type Progress, Savepoint, startOf } from './savepoint.js';
import { checkOut, writeModel } from './trainedModel.js';

/** The result of a fine-tuning run. A loss is the mean negative log-likelihood of learned tokens, in nats. */
export interface FinetuningResult {
  /** Mean over the last tenth of the updates. */
  readonly loss: number | null;
  /** Held-out loss at the start and after each epoch. */
  readonly heldOutLosses: readonly number[];
  /** SHA-256 (hex) of the weights' file; null if the run was stopped and can resume. */
  readonly sha256: string | null;
}

/** An event of a fine-tuning run. An update's weight is the number of its learned tokens. */
export type FinetuningEvent = TrainingEvent<FinetuningResult>;

/** The model and the data, read before the first update. */
interface TrainingInputs {
  readonly model: DecoderModel;
  readonly lora: LoraSpec | undefined;
  /** When the first process of the run started, which is the time that the chat template writes. */
  readonly started: Date;
  readonly spec: TrainableSpec;
  readonly sequences: readonly Sequence[];
  readonly heldOut: readonly Sequence[];
  /** Indices of the sequences of each update. */
  readonly updates: readonly (readonly number[])[];
  /** Rows that were too long: left out, and truncated from the left. */
  readonly dropped: number;
  readonly truncated: number;
  /** One hash of everything that determines the result. */
  readonly identity: string;
}

async function readInputs(settings: FinetuningSettings): Promise<TrainingInputs> {
  const { ignoreKeys, chatTemplateKwargs: variables, out } = settings;
  const started = (await startOf(out)) ?? new Date();
  const model = await readDecoderModel(settings.model, { ignoreKeys });
  const tokenizer = await Tokenizer.read(settings.model, { ignoreKeys, template: { variables, now: started } });
  tokenizer.assertFits(model.config, settings.model);
  const { batch, epochs, seed, map = {}, overlong } = settings;
  const codec = TextCodec.of(tokenizer, model.config, { overlong });
  const { conversations, files } = await readConversations(settings.data, codec, {
    map,
    dropOverlong: overlong === 'drop',
  });
  const split = heldOutSplit(conversations.length, settings.heldOut, seed);
  const sequences = split.training.flatMap((index) => at(conversations, index));
  if (sequences.length === 0) {
    throw new UserError(`${settings.data.join(', ')}: every line is held out; write more, or lower the held-out share`);
  }
  const lengths = sequences.map(({ promptIds, completionIds }) => promptIds.length + completionIds.length);
  const lora = settings.lora && loraFor(model, settings.lora);
  return {
    model,
    lora,
    started,
    spec: { ...(lora && { lora }), valueHeads: 0 },
    sequences,
    heldOut: split.heldOut.flatMap((index) => at(conversations, index)),
    updates: updatesOf(lengths, batch, epochs, seed),
    dropped: files.reduce((sum, { dropped }) => sum + dropped, 0),
    truncated: files.reduce((sum, { truncated }) => sum + truncated, 0),
    identity: identity(settings, model.sha256, conversations),
  };
}

/** Returns the initial state, whose tensors do not share memory with the model's weights. */
function untrained({ model, spec }: TrainingInputs, seed: number): Progress {
  const tensors = initialTensors(model.config, spec, seed, model.weights);
  const optimizer = createAdamWState(tensors.map(({ data }) => data));
  return { tensors, optimizer, losses: [], heldOutLosses: [] };
}

function scheduleOf({ schedule: kind, learningRate: peak, warmup }: FinetuningSettings, totalSteps: number): Schedule {
  const rise = { peak, warmupSteps: warmupSteps(warmup, totalSteps) };
  return kind === 'constant' ? { kind, ...rise } : { kind, ...rise, totalSteps };
}

/**
 * Trains, resuming where an earlier process with the same settings stopped.
 *
 * @param report receives each event as it happens
 * @param stop called between updates; true stops the run
 * @throws ModelError or UserError if the settings, the model or the data are invalid
 */
export async function finetune(
  settings: FinetuningSettings,
  report: (event: FinetuningEvent) => void,
  stop: () => Promise<boolean>,
): Promise<void> {
  const { out, epochs } = settings;
  await checkOut(out);
  const inputs = await readInputs(settings);
  const { model, lora, spec, sequences, heldOut, updates } = inputs;
  const savepoint = new Savepoint(out, inputs.identity, inputs.started);
  const begun = untrained(inputs, settings.seed);
  const progress = (await savepoint.read(begun.tensors)) ?? begun;
  for (const text of model.notes) report({ event: 'note', text });
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
    sha256: finished ? (await readDecoderModel(out, settings)).sha256 : null,
  });
}

/** Hashes everything that determines the result, which excludes the number of threads and the output directory. */
function identity(settings: FinetuningSettings, modelSha256: string, conversations: readonly unknown[]): string {
  const { out: _out, threads: _threads, checkpointEvery: _every, data: _data, model: _model, ...decisive } = settings;
  const data = createHash('sha256').update(JSON.stringify(conversations)).digest('hex');
  return configSha256({ ...decisive, data, modelSha256 });
}

/** Returns the mean loss of the sequences' learned tokens. */
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
