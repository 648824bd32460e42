/** Policy versions as PEFT adapters or whole weights, in a directory shared with engine servers. */
import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type DecoderConfig,
  type LoraSpec,
  adapterFiles,
  adapterMetadata,
  peftConfig,
  valueHeadNames,
  writeSafetensors,
} from '@gapo/model';
import { UserError } from '@gapo/service';
import type { HeldVersion, RequestedPolicy } from '@gapo/worker';
import type { ServedPolicy } from './protocols/protocol.js';

/** Where the directory is. */
export interface VolumePlaces {
  /** As this process sees it. */
  readonly directory: string;
  /** As the servers see it. */
  readonly servedDirectory: string;
}

/** The file of a model's weights. */
const weightsFile = 'model.safetensors';
const headNames: readonly string[] = Object.values(valueHeadNames);

/** Returns the name of a version. Workers that share a server give the same version the same name. */
export function servedNameOf({ runId, version }: RequestedPolicy, { sha256 }: HeldVersion): string {
  return `gapo-${runId.replace(/[^\w-]/g, '-').slice(0, 80)}-v${version}-${sha256.slice(0, 16)}`;
}

/** Writes versions, each once and atomically. */
export class PolicyVolume {
  readonly #places: VolumePlaces;

  constructor(places: VolumePlaces) {
    this.#places = places;
  }

  /**
   * Writes a version unless it exists. Several processes may write the same one.
   *
   * @param lora undefined: the version consists of all weights
   * @throws UserError if it cannot be written
   */
  async write(
    policy: RequestedPolicy,
    version: HeldVersion,
    config: DecoderConfig,
    lora: LoraSpec | undefined,
  ): Promise<ServedPolicy> {
    const name = servedNameOf(policy, version);
    const [target, partial] = [this.#pathOf(name), this.#pathOf(`.${name}.${randomUUID()}.partial`)];
    const kind = lora !== undefined ? 'adapter' : config.tiedEmbeddings ? 'tiedWeights' : 'weights';
    const served: ServedPolicy = { kind, name, path: join(this.#places.servedDirectory, name) };
    if (await exists(target)) return served;
    const { model, modelSha256 } = policy.engine;
    try {
      await mkdir(partial, { recursive: true });
      const tensors = version.tensors.filter((tensor) => !headNames.includes(tensor.name));
      if (lora === undefined) await writeSafetensors(join(partial, weightsFile), tensors);
      else {
        await writeSafetensors(join(partial, adapterFiles.weights), tensors, adapterMetadata(modelSha256));
        await writeFile(join(partial, adapterFiles.config), JSON.stringify(peftConfig(config, lora, model), null, 2));
      }
      await rename(partial, target);
    } catch (error) {
      await rm(partial, { recursive: true, force: true }).catch(() => undefined);
      if (await exists(target)) return served; // another process was faster
      const why = (error as Error).message;
      throw new UserError(`ENGINE_ADAPTER_DIR: ${target} cannot be written: ${why}`, { cause: error });
    }
    return served;
  }

  /** Removes a version if it exists. */
  async remove(name: string): Promise<void> {
    await rm(this.#pathOf(name), { recursive: true, force: true });
  }

  #pathOf(name: string): string {
    return join(this.#places.directory, name);
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
