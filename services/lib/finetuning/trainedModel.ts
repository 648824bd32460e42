/** The result: a Hugging Face directory with the trained weights, and everything else as it was. */
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type DecoderModel,
  type LoraSpec,
  type NamedTensor,
  type Weight,
  adapterName,
  decoderLayout,
  elementsOf,
  linearModules,
  writeSafetensors,
} from '@gapo/model';
import { UserError } from '@gapo/telemetry';

const weightsFile = 'model.safetensors';
/** What makes a model directory beside its weights. */
const besideWeights =
  /^(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab)\.json$|\.(model|jinja)$|^merges\.txt$/;

/**
 * Whether a directory can take the result.
 *
 * @throws UserError where it already holds a model
 */
export async function checkOut(out: string): Promise<void> {
  const present = await readdir(out).catch(() => []);
  const taken = present.filter((name) => name === weightsFile || besideWeights.test(name));
  if (taken.length > 0) {
    throw new UserError(`${out} already holds ${taken.join(', ')}: give another directory with --out, or remove them`);
  }
}

/** Every weight, with the adapters merged: W + (alpha / rank)·B·A, summed in float64. */
export function mergedWeights(
  model: DecoderModel,
  trained: readonly NamedTensor[],
  lora: LoraSpec | undefined,
): readonly NamedTensor[] {
  const byName = new Map(trained.map((tensor) => [tensor.name, tensor]));
  const modules = new Map(
    decoderLayout(model.config)
      .layers.flatMap((layer) => linearModules(layer))
      .map((module) => [`${module.name}.weight`, module]),
  );
  return [...model.weights.values()].map((weight: Weight) => {
    const whole = byName.get(weight.name);
    if (whole !== undefined) return whole;
    const { name, shape } = weight;
    const module = modules.get(name);
    const a = module && byName.get(adapterName(module.name, 'A'));
    const b = module && byName.get(adapterName(module.name, 'B'));
    if (lora === undefined || module === undefined || a === undefined || b === undefined) {
      return { name, shape, data: elementsOf(weight) };
    }
    const data = Float32Array.from(elementsOf(weight));
    addProduct(data, a.data, b.data, module, lora);
    return { name, shape, data };
  });
}

/** Adds (alpha / rank)·B·A to a weight; a is [rank, into], b [out, rank], the weight [out, into], or [into, out] where inOut. */
function addProduct(
  weight: Float32Array,
  a: Float32Array,
  b: Float32Array,
  { into, out, inOut }: { readonly into: number; readonly out: number; readonly inOut: boolean },
  { rank, alpha }: LoraSpec,
): void {
  const row = new Float64Array(into);
  for (let o = 0; o < out; o++) {
    row.fill(0);
    for (let r = 0; r < rank; r++) {
      const factor = (alpha / rank) * b[o * rank + r]!;
      for (let i = 0; i < into; i++) row[i]! += factor * a[r * into + i]!;
    }
    for (let i = 0; i < into; i++) weight[inOut ? i * out + o : o * into + i]! += row[i]!;
  }
}

/** Writes the directory; the weights come last, and whole or not at all. */
export async function writeModel(out: string, model: DecoderModel, weights: readonly NamedTensor[]): Promise<void> {
  await mkdir(out, { recursive: true });
  for (const name of await readdir(model.directory)) {
    if (besideWeights.test(name)) await copyFile(join(model.directory, name), join(out, name));
  }
  await writeSafetensors(join(out, weightsFile), weights);
}
