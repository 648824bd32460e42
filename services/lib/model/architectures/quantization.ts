/** Detects quantized weights, which gapo does not support. */

/** What to do with a quantized model. */
export const insteadOfQuantized =
  'gapo computes with F32, F16 and BF16 weights; name the model from before quantization, or write it with ' +
  "transformers' model.dequantize() and save_pretrained()";

/**
 * Returns the quantization method stated in a config.json, such as `gptq`.
 *
 * @returns undefined if there is none, or if bitsandbytes quantizes neither to 4 nor to 8 bits
 */
export function quantizationOf(json: Readonly<Record<string, unknown>>): string | undefined {
  if (!isNothing(json['quantization'])) return 'MLX (quantization)';
  const found = json['quantization_config'];
  if (isNothing(found)) return undefined;
  const settings = found as Readonly<Record<string, unknown>>;
  const method = settings['quant_method'] ?? settings['quant_algo'];
  const bits = [settings['load_in_4bit'], settings['load_in_8bit']];
  if (bits.includes(false) && !bits.includes(true)) return undefined;
  return `${typeof method === 'string' ? method : 'an unknown method'} (quantization_config)`;
}

function isNothing(value: unknown): boolean {
  return typeof value !== 'object' || value === null || Object.keys(value).length === 0;
}
