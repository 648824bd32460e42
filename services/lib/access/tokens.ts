/** Bearer tokens: random, and stored as their hashes alone. */
import { createHash, randomBytes } from 'node:crypto';
import { sha256Hex, z } from '@gapo/service';
import { accessRoles } from './roles.js';

/** Marks tokens, so that a scanner of secrets finds one that leaked. */
const prefix = 'gapo_';

/** With 256 random bits a plain hash is enough: there are no guesses to slow down. */
const tokenBytes = 32;

const entry = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$/)
    .meta({ expected: 'a name of at most 100 letters, digits, ".", "_", "@" and "-"' })
    .describe('Who has the token; the author of changes.'),
  role: z.enum(accessRoles).meta({ expected: accessRoles.join(', ') }),
  sha256: sha256Hex.describe('The SHA-256 of the token.'),
});

/** The content of a file of tokens. */
export const tokensSchema = z.array(entry).superRefine((entries, context) => {
  entries.forEach(({ name, sha256 }, i) => {
    const earlier = entries.slice(0, i);
    const refuse = (key: 'name' | 'sha256', message: string): void =>
      context.addIssue({ code: 'custom', path: [i, key], message });
    if (earlier.some((other) => other.name === name)) refuse('name', 'a name that no other token has');
    if (earlier.some((other) => other.sha256 === sha256)) refuse('sha256', 'a hash that no other token has');
  });
});

/** An entry of a file of tokens. */
export type TokenEntry = z.output<typeof entry>;

/** Returns a new token. */
export function newToken(): string {
  return `${prefix}${randomBytes(tokenBytes).toString('base64url')}`;
}

/** Returns the SHA-256 (hex) of a token. */
export function tokenHash(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
