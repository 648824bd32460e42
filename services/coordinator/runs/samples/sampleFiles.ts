/**
 * The completions that a run keeps: DATA_DIR/RUN/samples/step-000012.jsonl. Its first line is about the step and has the SHA-256 of the
 * bytes after it; each other line is a completion. A file is written whole or not at all.
 */
import { createHash } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageBytes, type Sample } from '@gapo/rpc';
import { contentOf, UserError, writeAtomically, z } from '@gapo/service';
import { checkpointName, stepOf } from '../../state/checkpointPlaces.js';
import { storedJson } from '../../state/storedJson.js';
import { mapInTurns } from './inTurns.js';
import { stays } from './keptSteps.js';

const headSchema = z.object({
  format: z.literal(1),
  step: z.int().min(1),
  version: z.int().min(0),
  /** Completions that the step sampled. */
  sampled: z.int().min(0),
  sha256: z.string(),
});

/** The completions of a step. */
export interface StepRecord {
  readonly step: number;
  /** The version that sampled. */
  readonly version: number;
  /** Completions that the step sampled. */
  readonly sampled: number;
  /** Those that are kept, sorted by prompt, then by sample. */
  readonly samples: readonly Sample[];
}

/** Where the files are. */
export interface SampleDirectory {
  /** The folder, which need not exist. */
  readonly samples: string;
  /** @throws UserError if another coordinator has taken over the data directory */
  assertWritable(): void;
}

const extension = '.jsonl';

/** Reads and writes the files of one run. */
export class SampleFiles {
  readonly #directory: SampleDirectory;

  constructor(directory: SampleDirectory) {
    this.#directory = directory;
  }

  /**
   * Writes the completions of a step, then removes those that do not stay.
   *
   * @param keep steps that stay
   * @throws UserError if they cannot be written
   */
  async write({ samples, ...step }: StepRecord, keep: number): Promise<void> {
    const lines = (await mapInTurns(samples, (sample) => `${JSON.stringify(sample)}\n`)).join('');
    const head = { format: 1, ...step, sha256: sha256Of(lines) };
    this.#directory.assertWritable();
    await writeAtomically(this.#path(step.step), `${JSON.stringify(head)}\n${lines}`);
    for (const kept of await this.steps()) {
      if (!stays(kept, step.step, keep)) await rm(this.#path(kept), { force: true });
    }
  }

  /** Returns the steps whose completions are kept, ascending. @throws UserError if the folder cannot be read */
  async steps(): Promise<readonly number[]> {
    const { samples } = this.#directory;
    try {
      return stepsIn(await readdir(samples));
    } catch (error) {
      return noneOr(error, samples);
    }
  }

  /** Removes the completions of later steps, which are taken again. @throws UserError if they cannot be removed */
  rewindTo(step: number): void {
    const { samples } = this.#directory;
    try {
      for (const later of stepsIn(readdirSync(samples))) if (later > step) rmSync(this.#path(later), { force: true });
    } catch (error) {
      noneOr(error, samples);
    }
  }

  /**
   * Reads the completions of a step; undefined if there are none.
   *
   * @throws UserError if the file cannot be read, or is not as it was written
   */
  async read(step: number): Promise<StepRecord | undefined> {
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
      const why =
        'is damaged: it does not have the completions that were written; remove it, training does not need it';
      throw new UserError(`${path} ${why}`, { cause: error });
    }
  }

  #path(step: number): string {
    return join(this.#directory.samples, checkpointName(step) + extension);
  }
}

/** @throws Error if the text is not that of a step's file */
async function recordOf(text: string, wanted: number): Promise<StepRecord> {
  const end = text.indexOf('\n') + 1;
  const { step, version, sampled, sha256 } = headSchema.parse(JSON.parse(text.slice(0, end)));
  const lines = text.slice(end);
  if (step !== wanted || sha256Of(lines) !== sha256) throw new Error('other bytes than were written');
  return { step, version, sampled, samples: await mapInTurns(lines.split('\n').slice(0, -1), sampleOf) };
}

/** @throws Error if the line does not hold a completion */
function sampleOf(line: string): Sample {
  const sample = storedJson(line) as Sample;
  // Throws unless it can be sent.
  messageBytes('gapo.training.v1.Sample', sample);
  return sample;
}

function stepsIn(names: readonly string[]): number[] {
  const steps = names.flatMap((name) =>
    name.endsWith(extension) ? (stepOf(name.slice(0, -extension.length)) ?? []) : [],
  );
  return steps.sort((a, b) => a - b);
}

/**
 * Returns nothing for a folder that does not exist.
 *
 * @throws UserError otherwise
 */
function noneOr(error: unknown, folder: string): readonly number[] {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return [];
  throw new UserError(`${folder} cannot be read or written: ${message}`, { cause: error });
}

function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
