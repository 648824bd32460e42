/** Adapters as the files that PEFT reads and writes: adapter_config.json and adapter_model.safetensors. */
import type { DecoderConfig } from './decoderConfig.js';
import { decoderLayout, linearModules, targetName } from './decoderLayout.js';
import type { LoraSpec } from './trainable.js';

/** The names by which LoRA can target a decoder's linear maps, in order. */
export function linearTargets(config: DecoderConfig): readonly string[] {
  const modules = decoderLayout(config).layers.flatMap((layer) => linearModules(layer));
  return [...new Set(modules.map(({ name }) => targetName(name)))];
}

/**
 * The content of adapter_config.json.
 * @param base the model that the adapter belongs to: a directory, or a name on the Hub.
 */
export function peftConfig(config: DecoderConfig, lora: LoraSpec, base: string): Readonly<Record<string, unknown>> {
  const modules = decoderLayout(config).layers.flatMap((layer) => linearModules(layer));
  return {
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: base,
    r: lora.rank,
    lora_alpha: lora.alpha,
    target_modules: lora.targets,
    lora_dropout: 0,
    bias: 'none',
    fan_in_fan_out: modules.some(({ inOut }) => inOut),
    inference_mode: true,
  };
}
