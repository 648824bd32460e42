/** Trains a reward model: data, updates, held-out quality, and the result's directory, written atomically. */
import { readdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { FitSettings } from '@gapo/config';
import type { DataFile } from '@gapo/data';
import { at, createAdamWState } from '@gapo/numeric';
import { replaceDirectory, UserError } from '@gapo/service';
import { Descent } from '../descent/descent.js';
import { type TrainingEvent } from '../descent/events.js';
import { heldOutSplit, updatesOf, warmupSteps } from '../descent/order.js';
import { startFromTokenizer } from './bagStart.js';
import { type Quality, qualityOf } from './calibration.js';
import { startFromDecoder } from './decoderStart.js';
import { PairEngine } from './engine.js';
import { type PreferencePair, readPairs } from './pairs.js';
import { writeReward } from './rewardDirectory.js';
import type { Start } from './start.js';

/** The result of a training run. */
export interface FitResult {
  /** The quality on held-out pairs; null if the run was stopped, in which case nothing is written. */
  readonly quality: Quality | null;
}

/** An event of a training run. A loss is the mean −ln P(chosen) in nats; an update's weight is the number of its pairs. */
export type FitEvent = TrainingEvent<FitResult>;

/** Fixed settings. `warmup` is the fraction of the updates in which the learning rate rises; it then decays along a cosine. */
const fixed = { warmup: 0.03, weightDecay: 0.01, maxGradNorm: 1 } as const;

/**
 * Trains a reward model and writes its directory.
 *
 * @param report receives each event as it happens
 * @param stop called between updates; true stops the run
 * @throws ModelError or UserError if the settings, the base or the data are invalid
 */
export async function fit(
  settings: FitSettings,
  report: (event: FitEvent) => void,
  stop: () => Promise<boolean>,
): Promise<void> {
  await requireEmpty(settings.out);
  let end: FitEvent = { event: 'end', finished: false, updates: 0, quality: null };
  await replaceDirectory(settings.out, async (directory) => {
    end = await fitInto(directory, settings, report, stop);
    return end.finished;
  });
  report(end);
}

async function fitInto(
  directory: string,
  settings: FitSettings,
  report: (event: FitEvent) => void,
  stop: () => Promise<boolean>,
): Promise<Extract<FitEvent, { event: 'end' }>> {
  const cache = join(directory, '.weights');
  const start = await startOf(settings, directory, cache);
  const { pairs, files } = await readPairs(settings.data, start.conversation, start.maxTokens, {
    map: settings.map ?? {},
    overlong: settings.overlong,
  });
  const { training, heldOut } = splitPairs(pairs, settings);
  const engine = await PairEngine.open(start.model, settings);
  const descent = descentOf(engine, start, training, settings);
  for (const text of start.notes) report({ event: 'note', text });
  report({
    event: 'start',
    updates: descent.updates,
    done: 0,
    examples: training.length,
    heldOut: heldOut.length,
    parameters: start.tensors.reduce((total, { data }) => total + data.length, 0),
  });
  const measure = async (): Promise<Quality> => {
    const margins = await engine.margins(start.tensors, heldOut);
    const bad = margins.find((margin) => !Number.isFinite(margin));
    if (bad !== undefined) {
      throw new UserError(
        `after update ${descent.done}, the scores of a held-out pair differ by ${bad}; lower the learning rate, which is ` +
          `${settings.learningRate}`,
      );
    }
    const quality = qualityOf(margins);
    report({ event: 'heldOut', update: descent.done, loss: quality.logLoss });
    return quality;
  };
  let quality = await measure();
  while (!descent.finished && !(await stop())) {
    report({ event: 'update', ...(await descent.update()) });
    if (descent.done % (descent.updates / settings.epochs) === 0) quality = await measure();
  }
  await engine.close();
  const { finished, done: updates } = descent;
  if (!finished) return { event: 'end', finished, updates, quality: null };
  const { ignoreKeys: ignored } = settings;
  const reward = {
    objective: settings.objective,
    max_tokens: start.maxTokens,
    ...(ignored !== undefined && { ignore_keys: ignored }),
  };
  await writeReward(directory, { ...(await start.content()), reward });
  const record = recordOf(settings, start, files, { training: training.length, heldOut: heldOut.length }, quality);
  await writeFile(join(directory, 'training.json'), `${JSON.stringify(record, null, 2)}\n`);
  await rm(cache, { recursive: true, force: true });
  return { event: 'end', finished, updates, quality };
}

/** @throws UserError if the result's directory is not empty, or cannot be created */
async function requireEmpty(out: string): Promise<void> {
  const present = await readdir(out).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new UserError(`${out}: ${error.message}; give another directory with --out`);
  });
  if (present.length > 0) {
    throw new UserError(
      `${out} already contains ${present.join(', ')}: give another directory with --out, or remove it`,
    );
  }
}

function startOf(settings: FitSettings, directory: string, cache: string): Promise<Start> {
  const { start, lora, seed, maxTokens, ignoreKeys } = settings;
  if ('decoder' in start)
    return startFromDecoder(directory, { model: start.decoder, lora, seed, maxTokens, ignoreKeys, cache });
  return startFromTokenizer(directory, { tokenizer: start.tokenizer, seed, maxTokens, ignoreKeys });
}

/**
 * Splits pairs into training and held-out ones. No prompt is in both.
 *
 * @throws UserError if either part would be empty
 */
function splitPairs(
  pairs: readonly PreferencePair[],
  { data, heldOut: fraction, seed }: FitSettings,
): { readonly training: readonly PreferencePair[]; readonly heldOut: readonly PreferencePair[] } {
  const { training, heldOut } = heldOutSplit(pairs.length, fraction, seed, (index) => at(pairs, index).opening);
  if (training.length === 0 || heldOut.length === 0) {
    throw new UserError(
      `${data.join(', ')}: of ${pairs.length} pairs, ${heldOut.length} would be held out, by whole prompts; ` +
        'write pairs for more prompts, or change the held-out share',
    );
  }
  return { training: training.map((index) => at(pairs, index)), heldOut: heldOut.map((index) => at(pairs, index)) };
}

function descentOf(
  engine: PairEngine,
  { tensors }: Start,
  examples: readonly PreferencePair[],
  { batch, microBatch, epochs, seed, learningRate: peak }: FitSettings,
): Descent<PreferencePair> {
  const { warmup, weightDecay, maxGradNorm } = fixed;
  const lengths = examples.map(({ chosen, rejected }) => Math.max(chosen.length, rejected.length));
  const updates = updatesOf(lengths, batch, epochs, seed);
  const { length: totalSteps } = updates;
  const parameters = tensors.map(({ data }) => data);
  return new Descent(parameters, createAdamWState(parameters), {
    examples,
    updates,
    compute: (pairs) => engine.compute(tensors, pairs),
    microBatch,
    schedule: { kind: 'cosine', peak, warmupSteps: warmupSteps(warmup, totalSteps), totalSteps },
    weightDecay,
    maxGradNorm,
  });
}

/** Returns the content of training.json: the inputs, the settings and the quality. */
function recordOf(
  settings: FitSettings,
  { baseSha256, maxTokens }: Start,
  files: readonly DataFile[],
  pairs: { readonly training: number; readonly heldOut: number },
  heldOut: Quality,
): object {
  const { data: _data, out: _out, objective, start, ...decisive } = settings;
  const base = 'decoder' in start ? start.decoder : start.tokenizer;
  return {
    objective,
    base: { kind: 'decoder' in start ? 'decoder' : 'tokenizer', name: basename(base), sha256: baseSha256 },
    data: files.map(({ file, sha256, rows }) => ({ name: basename(file), sha256, pairs: rows })),
    settings: { ...decisive, maxTokens, ...fixed },
    pairs,
    heldOut,
  };
}
