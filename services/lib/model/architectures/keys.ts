/** The types of values in config.json, with error messages. */
import { z } from 'zod';

const expecting = (what: string) => ({
  error: ({ input }: { input?: unknown }) =>
    input === undefined ? `is missing; it must be ${what}` : `must be ${what}`,
});
const whole = expecting('a whole number above 0');
const aboveZero = expecting('a number above 0');

/** A number of layers, heads, channels or tokens. */
export const extent = z.int(whole).positive(whole);

/** The most layers that a decoder may have. Its description has an entry per layer, which a mistyped number would exhaust. */
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

/** One token id or a list of them. */
export const tokenIds = z.union([tokenId, z.array(tokenId)], { error: 'must be a token id or a list of them' });

/** An optional key with a single supported value. */
export const only = <T extends boolean | number>(value: T) =>
  z.literal(value, { error: `must be ${value}: nothing else is supported` }).nullish();

/** Formats a parse error as one line: each key with its problem. */
export function problemsOf(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join('.') || 'the file'} ${issue.message}`).join('; ');
}
