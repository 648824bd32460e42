/** The adapters that a run trains: fresh ones on the modules that it names, or those of a PEFT adapter that it starts from. */
import { resolve } from 'node:path';
import type { RunConfig } from '@gapo/config';
import {
  linearTargets,
  readAdapter,
  unmatchedTargets,
  type Adapter,
  type DecoderModel,
  type LoraSpec,
  type NamedTensor,
} from '@gapo/model';
import { UserError } from '@gapo/service';

/** Where the adapters of a run begin. */
export interface StartingAdapter {
  readonly lora: LoraSpec;
  /** The trained tensors by name; none where they begin as nothing. */
  readonly tensors: readonly NamedTensor[];
}

/**
 * Decides what is trained, and reads what it starts from.
 *
 * @param baseDirectory where the configuration's relative paths start
 * @returns undefined where every weight is trained
 * @throws UserError, ModelError that say which module or adapter does not fit the model
 */
export async function startingAdapter(
  { policy }: RunConfig,
  model: DecoderModel,
  baseDirectory: string,
): Promise<StartingAdapter | undefined> {
  const asked = policy.lora && withTargets(policy.lora, model);
  if (policy.adapter === undefined) return asked && { lora: asked, tensors: [] };
  const directory = resolve(baseDirectory, policy.adapter);
  const found = await readAdapter(directory, model);
  const differing = asked === undefined ? [] : differences(asked, found);
  if (differing.length > 0) {
    throw new UserError(
      `policy.lora: ${differing.join(', ')} in policy.adapter ${directory}; leave policy.lora out to take what the adapter has`,
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

function differences(asked: LoraSpec, { lora }: Adapter): readonly string[] {
  const sorted = ({ targets }: LoraSpec): string => [...targets].sort().join(', ');
  return [
    ...(asked.rank === lora.rank ? [] : [`rank is ${asked.rank}, it is ${lora.rank}`]),
    ...(asked.alpha === lora.alpha ? [] : [`alpha is ${asked.alpha}, it is ${lora.alpha}`]),
    ...(sorted(asked) === sorted(lora) ? [] : [`targets are ${sorted(asked)}, they are ${sorted(lora)}`]),
  ];
}
