/**
 * Where an interrupted training goes on: parameters, moments and losses so far, under OUT/.training while it trains. What
 * follows is then the same, bit for bit, as without the interruption.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type NamedTensor, readSafetensors, sha256OfTensors, writeSafetensors } from '@gapo/model';
import type { AdamWState } from '@gapo/numeric';
import { replaceDirectory, z, UserError } from '@gapo/service';

/** What a training is after some updates. */
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
  tensorsSha256: z.string(),
  step: z.int().min(1),
  losses: z.array(z.number()),
  heldOutLosses: z.array(z.number()),
});

const prefixes = { first: 'exp_avg.', second: 'exp_avg_sq.' } as const;

/** The savepoints of one output directory. */
export class Savepoint {
  readonly #directory: string;
  readonly #of: string;

  /** @param of what the training is of: settings, data and model, in one hash */
  constructor(out: string, of: string) {
    this.#directory = join(out, '.training');
    this.#of = of;
  }

  /** Replaces the savepoint, whole or not at all. */
  async write({ tensors, optimizer, losses, heldOutLosses }: Progress): Promise<void> {
    const moments = (prefix: string, data: readonly Float32Array[]): NamedTensor[] =>
      tensors.map(({ name, shape }, i) => ({ name: prefix + name, shape, data: data[i]! }));
    const all = [
      ...tensors,
      ...moments(prefixes.first, optimizer.firstMoments),
      ...moments(prefixes.second, optimizer.secondMoments),
    ];
    const state: z.infer<typeof stateSchema> = {
      of: this.#of,
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
   * What an earlier process left, in the order of the given tensors; undefined where there is nothing.
   *
   * @throws UserError where it belongs to other settings, data or another model, or is damaged
   */
  async read(
    tensors: readonly { readonly name: string; readonly shape: readonly number[] }[],
  ): Promise<Progress | undefined> {
    const state = await this.#state();
    if (state === undefined) return undefined;
    if (state.of !== this.#of) {
      throw new UserError(
        `${this.#directory} is of a training with other settings, data or another model: give the same ones to go on, ` +
          'another --out, or remove that directory',
      );
    }
    const all = await readSafetensors(join(this.#directory, tensorFile));
    if (sha256OfTensors(all) !== state.tensorsSha256)
      throw this.#damaged('its tensors are not those that were written');
    const byName = new Map(all.map(({ name, data }) => [name, data]));
    const named = (prefix: string): Float32Array[] =>
      tensors.map(({ name }) => {
        const data = byName.get(prefix + name);
        if (data === undefined) throw this.#damaged(`it has no tensor '${prefix}${name}'`);
        return data;
      });
    const values = named('');
    return {
      tensors: tensors.map(({ name, shape }, i) => ({ name, shape, data: values[i]! })),
      optimizer: { step: state.step, firstMoments: named(prefixes.first), secondMoments: named(prefixes.second) },
      losses: state.losses,
      heldOutLosses: state.heldOutLosses,
    };
  }

  /** Removes it: the training is done. */
  async remove(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #state(): Promise<z.infer<typeof stateSchema> | undefined> {
    const path = join(this.#directory, stateFile);
    const json = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw this.#damaged(error.message);
    });
    if (json === undefined) return undefined;
    try {
      return stateSchema.parse(JSON.parse(json));
    } catch (error) {
      throw this.#damaged(`${stateFile} cannot be read: ${(error as Error).message}`);
    }
  }

  #damaged(what: string): UserError {
    return new UserError(`${this.#directory} is damaged: ${what}; remove that directory to begin anew`);
  }
}
