/**
 * The completions that a run keeps: DATA_DIR/RUN/samples/step-000012.jsonl. Its first line describes the step and has the SHA-256 of
 * the bytes that follow; each other line is a completion. Their tokens take far more space and are read for one completion at a time,
 * so they are in step-000012.tokens: the tokens of each completion as compressed JSON. Files are written atomically.
 */
import { createHash } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { messageBytes, type Sample, type SampleToken } from '@gapo/rpc';
import { contentOf, openRegular, UserError, writeAtomically, z } from '@gapo/service';
import { checkpointName, stepOf } from '../../state/checkpointPlaces.js';
import { storedJson } from '../../state/storedJson.js';
import { mapInTurns } from './inTurns.js';
import { stays } from './keptSteps.js';

/** The format that this release writes. */
const format = 1;

const headSchema = z.object({
  format: z.literal(format),
  step: z.int().min(1),
  version: z.int().min(0),
  /** Completions that the step sampled. */
  sampled: z.int().min(0),
  sha256: z.string(),
  /** Bytes of each completion's tokens in the .tokens file; absent if tokens were not kept. */
  tokenBytes: z.array(z.int().min(0)).optional(),
});

const tokensSchema = z.array(
  z.strictObject({ text: z.string(), logprob: z.number(), advantages: z.array(z.number()) }),
);

/** The completions of a step. */
export interface StepRecord {
  readonly step: number;
  /** The version that sampled. */
  readonly version: number;
  /** Completions that the step sampled. */
  readonly sampled: number;
  /** Those that are kept, sorted by prompt, then by sample, without their tokens. */
  readonly samples: readonly Sample[];
}

/** The completions of a step, to be stored. */
export interface KeptStep extends StepRecord {
  /** The tokens of each. */
  readonly tokens: readonly (readonly SampleToken[])[];
}

/** Where the files are. */
export interface SampleDirectory {
  /** The folder, which need not exist. */
  readonly samples: string;
  /** @throws UserError if another coordinator has taken over the data directory */
  assertWritable(): void;
}

const extension = '.jsonl';
const tokensExtension = '.tokens';

/** Maximum bytes of one completion's tokens: a file with more was not written by this code. */
const mostTokenBytes = 1 << 24;

const [compressed, decompressed] = [promisify(gzip), promisify(gunzip)];

/** Reads and writes the files of one run. */
export class SampleFiles {
  readonly #directory: SampleDirectory;

  constructor(directory: SampleDirectory) {
    this.#directory = directory;
  }

  /**
   * Writes the completions of a step, then removes those that are no longer kept.
   *
   * @param keep number of steps to keep
   * @throws UserError if they cannot be written
   */
  async write({ samples, tokens, ...step }: KeptStep, keep: number): Promise<void> {
    const lines = (await mapInTurns(samples, (sample) => `${JSON.stringify(sample)}\n`)).join('');
    const parts: Buffer[] = [];
    for (const each of tokens) parts.push(await compressed(JSON.stringify(each)));
    const head = { format, ...step, sha256: sha256Of(lines), tokenBytes: parts.map(({ length }) => length) };
    this.#directory.assertWritable();
    // The tokens first: a step counts as stored once its completions are.
    await writeAtomically(this.#path(step.step, tokensExtension), Buffer.concat(parts));
    await writeAtomically(this.#path(step.step), `${JSON.stringify(head)}\n${lines}`);
    const names = await readdir(this.#directory.samples);
    const kept = new Set(stepsIn(names, extension).filter((each) => stays(each, step.step, keep)));
    // A .tokens file alone belongs to a step whose completions were not written.
    for (const of of [extension, tokensExtension]) {
      for (const each of stepsIn(names, of)) if (!kept.has(each)) await rm(this.#path(each, of), { force: true });
    }
  }

  /** Returns the steps whose completions are kept, ascending. @throws UserError if the folder cannot be read */
  async steps(): Promise<readonly number[]> {
    const { samples } = this.#directory;
    try {
      return stepsIn(await readdir(samples), extension);
    } catch (error) {
      return noneIfMissing(error, samples);
    }
  }

  /** Removes the completions of later steps, which will be repeated. @throws UserError if they cannot be removed */
  rewindTo(step: number): void {
    const { samples } = this.#directory;
    try {
      const names = readdirSync(samples);
      for (const of of [extension, tokensExtension]) {
        for (const later of stepsIn(names, of)) if (later > step) rmSync(this.#path(later, of), { force: true });
      }
    } catch (error) {
      noneIfMissing(error, samples);
    }
  }

  /**
   * Reads the completions of a step; undefined if there are none.
   *
   * @throws UserError if the file cannot be read, or is not as it was written
   */
  async read(step: number): Promise<StepRecord | undefined> {
    const record = await this.#read(step);
    if (record === undefined) return undefined;
    const { tokenBytes: _, ...rest } = record;
    return rest;
  }

  /**
   * Reads one completion of a step with its tokens, which are empty if they were not kept; undefined if the completion is not kept.
   *
   * @throws UserError if a file cannot be read, or is not as it was written
   */
  async readOne(step: number, prompt: number, sample: number): Promise<Sample | undefined> {
    const record = await this.#read(step);
    const index = record?.samples.findIndex((each) => each.prompt === prompt && each.sample === sample) ?? -1;
    const found = record?.samples[index];
    if (record === undefined || found === undefined) return undefined;
    const { tokenBytes } = record;
    const bytes = tokenBytes?.[index];
    if (tokenBytes === undefined || bytes === undefined) return found;
    const start = tokenBytes.slice(0, index).reduce((sum, each) => sum + each, 0);
    const path = this.#path(step, tokensExtension);
    try {
      return { ...found, tokenList: await tokensAt(path, start, bytes) };
    } catch (error) {
      throw damaged(path, 'tokens', error);
    }
  }

  async #read(
    step: number,
  ): Promise<(StepRecord & { readonly tokenBytes: readonly number[] | undefined }) | undefined> {
    const path = this.#path(step);
    let text: string;
    try {
      text = (await contentOf(path)).toString('utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw new UserError(`${path} cannot be read: ${(error as Error).message}`, { cause: error });
    }
    try {
      return await recordOf(text, step);
    } catch (error) {
      if (error instanceof NewerFormat) throw new UserError(`${path} ${error.message}`);
      throw damaged(path, 'completions', error);
    }
  }

  #path(step: number, of = extension): string {
    return join(this.#directory.samples, checkpointName(step) + of);
  }
}

function damaged(path: string, what: string, cause: unknown): UserError {
  const why = `is damaged: it does not have the ${what} that were written; remove it, training does not need it`;
  return new UserError(`${path} ${why}`, { cause });
}

/** @throws Error if the file has no tokens at that offset */
async function tokensAt(path: string, start: number, bytes: number): Promise<SampleToken[]> {
  const file = await openRegular(path);
  try {
    const part = Buffer.alloc(Math.min(bytes, mostTokenBytes));
    const { bytesRead } = await file.read(part, 0, part.length, start);
    const text = await decompressed(part.subarray(0, bytesRead), { maxOutputLength: mostTokenBytes });
    return tokensSchema.parse(JSON.parse(text.toString('utf8')));
  } finally {
    await file.close();
  }
}

/** A file of a later release. */
class NewerFormat extends Error {}

/** @throws Error if the text is not a step's file, {@link NewerFormat} if a later release wrote it */
async function recordOf(text: string, wanted: number) {
  const end = text.indexOf('\n') + 1;
  const head: unknown = JSON.parse(text.slice(0, end));
  const { data: newer } = z.object({ format: z.int().min(format + 1) }).safeParse(head);
  if (newer)
    throw new NewerFormat(`has format ${newer.format}, which a later release of gapo wrote: read it with that`);
  const { step, version, sampled, sha256, tokenBytes } = headSchema.parse(head);
  const lines = text.slice(end);
  if (step !== wanted || sha256Of(lines) !== sha256) throw new Error('other bytes than were written');
  return { step, version, sampled, tokenBytes, samples: await mapInTurns(lines.split('\n').slice(0, -1), sampleOf) };
}

/** @throws Error if the line does not hold a completion */
function sampleOf(line: string): Sample {
  const sample = storedJson(line) as Sample;
  // Throws if it cannot be sent as a message.
  messageBytes('gapo.training.v1.Sample', sample);
  return sample;
}

/** Returns the steps that have a file with the extension among the names, ascending. Ignores other files. */
function stepsIn(names: readonly string[], of: string): number[] {
  const steps = names.flatMap((name) => {
    const step = name.endsWith(of) ? stepOf(name.slice(0, -of.length)) : undefined;
    return step !== undefined && name === checkpointName(step) + of ? [step] : [];
  });
  return steps.sort((a, b) => a - b);
}

/**
 * Returns nothing for a folder that does not exist.
 *
 * @throws UserError otherwise
 */
function noneIfMissing(error: unknown, folder: string): readonly number[] {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return [];
  throw new UserError(`${folder} cannot be read or written: ${message}`, { cause: error });
}

function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
