/**
 * Schemas of common values in configurations. Each states, as `meta({ expected })`, what an error message expects; other
 * schemas should do the same, as in `z.enum([...]).meta({ expected: 'a method' })`.
 */
import { z } from 'zod';

/** An address to dial or listen on, such as `127.0.0.1:7001`, `rollout:7000` or `[::1]:0`. Port 0 picks a free one. */
export const hostPort = z
  .string()
  .refine((text) => isHostPort(text))
  .meta({ expected: 'a host:port string' });

/** A gRPC target: a host:port string, or one with a resolver's scheme, such as `dns:///reward:7000` or `unix:/run/x.sock`. */
export const grpcTarget = z
  .string()
  .refine((text) => isHostPort(text.replace(/^(dns|ipv4|ipv6):(\/\/[^/]*\/)?/, '')) || /^unix:.+/.test(text))
  .meta({ expected: 'a host:port string' });

/** A TCP port to listen on; 0 is any free one. */
export const port = z.int().min(0).max(65535).meta({ expected: 'a port, an integer from 0 to 65535' });

/** An integer of at least 1. */
export const positiveInt = z.int().min(1).meta({ expected: 'an integer of at least 1' });

/** An integer of at least 0. */
export const nonNegativeInt = z.int().min(0).meta({ expected: 'an integer of at least 0' });

/** The seed of the counter-based generator. */
export const seed = z.int().min(0).meta({ expected: 'a seed, an integer from 0 to 2^53 - 1' });

/** Any number except infinities and NaN. */
export const finiteNumber = z.number().meta({ expected: 'a finite number' });

/** A finite number above 0. */
export const positiveNumber = z.number().gt(0).meta({ expected: 'a finite number over 0' });

/** A finite number of at least 0. */
export const nonNegativeNumber = z.number().min(0).meta({ expected: 'a finite number of at least 0' });

/** STOP_GRACE_SECONDS of services that answer calls. */
export const stopGraceSeconds = positiveNumber
  .default(8)
  .describe('How long calls in progress may take to finish after SIGTERM.');

/** A number from 0 to 1. */
export const fraction = z.number().min(0).max(1).meta({ expected: 'a number from 0 to 1' });

/** A duration in milliseconds. */
export const milliseconds = z.int().min(1).meta({ expected: 'milliseconds, an integer of at least 1' });

/** A text of at least one character. */
export const nonEmptyText = z.string().min(1).meta({ expected: 'a text that is not empty' });

/** A word that is safe in file names, subjects and labels: letters, digits, `-` and `_`, starting with a letter or digit. */
export const word = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/)
  .meta({ expected: 'a word of at most 63 letters, digits, "-" and "_"' });

/** A directory's path, which need not exist. */
export const directory = z
  .string()
  .refine((text) => isPath(text))
  .meta({ expected: "a directory's path" });

/** A file's path, which need not exist. */
export const filePath = z
  .string()
  .refine((text) => isPath(text))
  .meta({ expected: "a file's path" });

/** A URL with one of the given schemes. */
export function url(...schemes: [string, ...string[]]) {
  return z
    .string()
    .refine((text) => URL.canParse(text) && schemes.includes(new URL(text).protocol.slice(0, -1)))
    .meta({ expected: `a URL beginning ${schemes.map((scheme) => `${scheme}://`).join(' or ')}` });
}

/** SHA-256 as 64 lower-case hexadecimal digits. */
export const sha256Hex = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .meta({ expected: 'a SHA-256 of 64 lower-case hexadecimal digits' });

function isHostPort(text: string): boolean {
  const match = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(text);
  return match !== null && Number(match[2]) <= 65535;
}

function isPath(text: string): boolean {
  return text.trim() !== '' && !text.includes('\0');
}
