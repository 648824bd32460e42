/**
 * Savepoints of a training run in progress, under OUT/.training: parameters, optimizer moments and losses so far. A run
 * that resumes from one ends in the same result, bit for bit, as one without an interruption.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type NamedTensor, readSafetensors, sha256OfTensors, writeSafetensors } from '@gapo/model';
import { at, type AdamWState } from '@gapo/numeric';
import { replaceDirectory, z, UserError } from '@gapo/service';

/** The state of a training run after some updates. */
export interface Progress {
  readonly tensors: readonly NamedTensor[];
  /** Its step counts updates. */
  readonly optimizer: AdamWState;
  /** Training loss of each update. */
  readonly losses: number[];
  /** Held-out loss at the start and after each epoch; empty without held-out lines. */
  readonly heldOutLosses: number[];
}

const stateFile = 'state.json';
const tensorFile = 'tensors.safetensors';
const stateSchema = z.strictObject({
  /** SHA-256 of settings, data and model. */
  of: z.string(),
  /** When the first process started, RFC 3339. */
  started: z.iso.datetime(),
  tensorsSha256: z.string(),
  step: z.int().min(1),
  losses: z.array(z.number()),
  heldOutLosses: z.array(z.number()),
});

const prefixes = { first: 'exp_avg.', second: 'exp_avg_sq.' } as const;

/** The savepoint of one output directory. */
export class Savepoint {
  readonly #directory: string;
  readonly #identity: string;
  readonly #started: Date;

  /**
   * @param identity one hash of settings, data and model
   * @param started when the first process of the run started
   */
  constructor(out: string, identity: string, started: Date) {
    this.#directory = directoryOf(out);
    this.#identity = identity;
    this.#started = started;
  }

  /** Replaces the savepoint atomically. */
  async write({ tensors, optimizer, losses, heldOutLosses }: Progress): Promise<void> {
    const moments = (prefix: string, data: readonly Float32Array[]): NamedTensor[] =>
      tensors.map(({ name, shape }, i) => ({ name: prefix + name, shape, data: at(data, i) }));
    const all = [
      ...tensors,
      ...moments(prefixes.first, optimizer.firstMoments),
      ...moments(prefixes.second, optimizer.secondMoments),
    ];
    const state: z.infer<typeof stateSchema> = {
      of: this.#identity,
      started: this.#started.toISOString(),
      tensorsSha256: sha256OfTensors(all),
      step: optimizer.step,
      losses: [...losses],
      heldOutLosses: [...heldOutLosses],
    };
    await replaceDirectory(this.#directory, async (directory) => {
      await writeSafetensors(join(directory, tensorFile), all);
      await writeFile(join(directory, stateFile), `${JSON.stringify(state)}\n`);
    });
  }

  /**
   * Reads the savepoint of an earlier process, in the order of the given tensors; undefined if there is none.
   *
   * @throws UserError if it belongs to other settings, other data or another model, or is damaged
   */
  async read(
    tensors: readonly { readonly name: string; readonly shape: readonly number[] }[],
  ): Promise<Progress | undefined> {
    const state = await readState(this.#directory);
    if (state === undefined) return undefined;
    if (state.of !== this.#identity) {
      throw new UserError(
        `${this.#directory} belongs to a training run with other settings, other data or another model: ` +
          'resume with the same ones, give another --out, or remove that directory',
      );
    }
    const all = await readSafetensors(join(this.#directory, tensorFile));
    if (sha256OfTensors(all) !== state.tensorsSha256)
      throw damaged(this.#directory, 'its tensors do not match their checksum');
    const byName = new Map(all.map(({ name, data }) => [name, data]));
    const named = (prefix: string): Float32Array[] =>
      tensors.map(({ name }) => {
        const data = byName.get(prefix + name);
        if (data === undefined) throw damaged(this.#directory, `it has no tensor '${prefix}${name}'`);
        return data;
      });
    const values = named('');
    return {
      tensors: tensors.map(({ name, shape }, i) => ({ name, shape, data: at(values, i) })),
      optimizer: { step: state.step, firstMoments: named(prefixes.first), secondMoments: named(prefixes.second) },
      losses: state.losses,
      heldOutLosses: state.heldOutLosses,
    };
  }

  /** Removes the savepoint once the training is finished. */
  async remove(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/**
 * Returns when the first process of the training run in a directory started; undefined without a savepoint.
 *
 * @throws UserError if the savepoint is damaged
 */
export async function startOf(out: string): Promise<Date | undefined> {
  const state = await readState(directoryOf(out));
  return state && new Date(state.started);
}

function directoryOf(out: string): string {
  return join(out, '.training');
}

/** @throws UserError if the savepoint is damaged */
async function readState(directory: string): Promise<z.infer<typeof stateSchema> | undefined> {
  const json = await readFile(join(directory, stateFile), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw damaged(directory, error.message);
  });
  if (json === undefined) return undefined;
  try {
    return stateSchema.parse(JSON.parse(json));
  } catch (error) {
    throw damaged(directory, `${stateFile} cannot be read: ${(error as Error).message}`);
  }
}

function damaged(directory: string, what: string): UserError {
  return new UserError(`${directory} is damaged: ${what}; remove that directory to start over`);
}
