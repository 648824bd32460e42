/** The types of values in config.json, with error messages. */
import { required } from '@gapo/numeric';
import { z } from 'zod';
import type { Activation } from '../decoderConfig.js';

const expecting = (what: string) => ({
  error: ({ input }: { input?: unknown }) =>
    input === undefined ? `is missing; it must be ${what}` : `must be ${what}`,
});
const whole = expecting('a whole number above 0');
const aboveZero = expecting('a number above 0');

/** A number of layers, heads, channels or tokens. */
export const extent = z.int(whole).positive(whole);

/**
 * Maximum number of layers of a decoder. Its description has an entry per layer, so a mistyped number would exhaust memory.
 */
const mostLayers = 10_000;

const layers = expecting(`a whole number from 1 to ${mostLayers}`);

/** A number of layers. */
export const layerCount = z.int(layers).positive(layers).max(mostLayers, layers);

/** A number above 0. */
export const positive = z.number(aboveZero).positive(aboveZero);

/** A layer number, from 0. */
export const layerNumber = z.int().nonnegative();

export const flag = z.boolean({ error: 'must be true or false' });

const tokenId = z.int().nonnegative();

/** Transformers' names for the activations. */
const activations: Readonly<Record<string, Activation>> = {
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu',
  gelu_python: 'gelu',
  gelu_new: 'geluTanh',
  gelu_pytorch_tanh: 'geluTanh',
  gelu_python_tanh: 'geluTanh',
  gelu_fast: 'geluTanh',
  gelu_accurate: 'geluTanh',
  relu: 'relu',
};
const activationNames = Object.keys(activations);

/** A feed-forward layer's activation by its name in transformers. @param absent the name if config.json has none */
export const activation = (absent: string) =>
  z
    .enum(activationNames, { error: `must be one of ${activationNames.map((name) => `'${name}'`).join(', ')}` })
    .default(absent)
    .transform((name) => required(activations[name], name));

/** One token id or a list of them. */
export const tokenIds = z.union([tokenId, z.array(tokenId)], { error: 'must be a token id or a list of them' });

/** An optional key with a single supported value. */
export const only = <T extends boolean | number>(value: T) =>
  z.literal(value, { error: `must be ${value}: nothing else is supported` }).nullish();

/** Maximum number of problems listed in a file's error. The rest are counted. */
const mostProblems = 10;

/** Formats a parse error as one line: each key with its problem. */
export function problemsOf({ issues }: z.ZodError): string {
  const shown = issues.slice(0, mostProblems).map(({ path, message }) => `${path.join('.') || 'the file'} ${message}`);
  return (issues.length > shown.length ? [...shown, `and ${issues.length - shown.length} more`] : shown).join('; ');
}
