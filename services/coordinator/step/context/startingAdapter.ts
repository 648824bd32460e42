/** The LoRA adapter that a run trains: a new one on the configured modules, or an existing PEFT adapter. */
import { resolve } from 'node:path';
import type { RunConfig } from '@gapo/config';
import {
  linearTargets,
  readAdapter,
  unmatchedTargets,
  type DecoderModel,
  type LoraSpec,
  type NamedTensor,
} from '@gapo/model';
import { UserError } from '@gapo/service';

/** The adapter that a run starts from. */
export interface StartingAdapter {
  readonly lora: LoraSpec;
  /** The tensors of the existing adapter; empty for a new one. */
  readonly tensors: readonly NamedTensor[];
}

/**
 * Determines the adapter of a run and reads its tensors.
 *
 * @param baseDirectory base directory for relative paths in the configuration
 * @returns undefined if all weights are trained
 * @throws UserError, ModelError naming the module or adapter that does not fit the model
 */
export async function startingAdapter(
  { policy }: RunConfig,
  model: DecoderModel,
  baseDirectory: string,
): Promise<StartingAdapter | undefined> {
  const requested = policy.lora && withTargets(policy.lora, model);
  if (policy.adapter === undefined) return requested && { lora: requested, tensors: [] };
  const directory = resolve(baseDirectory, policy.adapter);
  const found = await readAdapter(directory, model, policy);
  if (requested === undefined) return found;
  const [ours, theirs] = [describe(requested), describe(found.lora)];
  if (ours !== theirs) {
    throw new UserError(
      `policy.lora: ${ours} differs from policy.adapter ${directory}: ${theirs}; remove policy.lora to use the adapter's values`,
    );
  }
  return found;
}

function withTargets(lora: NonNullable<RunConfig['policy']['lora']>, model: DecoderModel): LoraSpec {
  const known = linearTargets(model.config);
  const spec = { ...lora, targets: lora.targets === 'all-linear' ? known : lora.targets };
  const unknown = unmatchedTargets(spec, model.config);
  if (unknown.length > 0) {
    throw new UserError(
      `policy.lora.targets: the model ${model.directory} has no ${unknown.join(', ')}; it has ${known.join(', ')}`,
    );
  }
  return spec;
}

function describe({ rank, alpha, targets, exceptions = [] }: LoraSpec): string {
  const others = exceptions.length === 0 ? '' : `, with other ranks or alphas for ${exceptions.length} modules`;
  return `rank ${rank}, alpha ${alpha}, targets ${[...targets].sort().join(', ')}${others}`;
}
