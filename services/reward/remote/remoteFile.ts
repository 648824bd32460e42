/** The keys that files describing a remote scorer have in common. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ScorerDescription } from '@gapo/reward';
import { finiteNumber, milliseconds, nonEmptyText, parseYaml, positiveInt, word, z, UserError } from '@gapo/service';

/** How a remote scorer is opened. */
export interface RemoteOptions {
  /** The YAML file. */
  readonly path: string;
  /** The objective's name, in place of the file's. */
  readonly objective?: string | undefined;
  /** Sent as a bearer token. @default none */
  readonly token?: string | undefined;
}

/** Keys that every such file may have. */
export const remoteKeys = {
  objective: word,
  /** Changes whenever the same item may get another score. @default a digest of the file */
  version: nonEmptyText.optional(),
  orientation: z.enum(['higher_is_better', 'lower_is_better']).default('higher_is_better'),
  threshold: finiteNumber.optional(),
  /** The time limit of one request. @default 30000 */
  timeoutMs: milliseconds.default(30_000),
  /** Concurrent requests. @default 4 */
  concurrency: positiveInt.default(4),
};

/** Items of a request. @default 32 */
export const batch = positiveInt.default(32);

/** The values of {@link remoteKeys}. */
export type RemoteFile = z.output<z.ZodObject<typeof remoteKeys>>;

/**
 * Reads and checks a file.
 *
 * @returns the file with every default filled in, and the version of its scores
 * @throws UserError or ConfigError if it is invalid
 */
export async function readRemoteFile<T extends { version?: string | undefined }>(
  path: string,
  schema: z.ZodType<T>,
): Promise<{ file: T; version: string }> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    throw new UserError(`${path}: cannot be read: ${(error as Error).message}`, { cause: error });
  }
  const file = parseYaml(schema, content, { source: path });
  const digest = createHash('sha256').update(content).digest('hex').slice(0, 16);
  return { file, version: file.version ?? digest };
}

/** Builds a scorer's description from its file. */
export function remoteDescription(
  file: RemoteFile,
  own: Pick<ScorerDescription, 'model' | 'version'> & Partial<Pick<ScorerDescription, 'minimum' | 'maximum'>>,
  objective: string | undefined,
): ScorerDescription {
  return {
    objective: objective ?? file.objective,
    orientation: file.orientation,
    threshold: file.threshold,
    minimum: undefined,
    maximum: undefined,
    maxTokens: 0,
    ...own,
  };
}

/**
 * Returns the header of a token. White space around the token, such as a line break at a file's end, is dropped.
 *
 * @throws UserError, without the token, if it contains a character that a header cannot
 */
export function authorization(token: string | undefined): Readonly<Record<string, string>> {
  if (token === undefined) return {};
  if (!/^[!-~]+$/.test(token.trim())) throw new UserError('REWARD_TOKEN: contains a character that an HTTP header cannot; expected printable ASCII'); // prettier-ignore
  return { authorization: `Bearer ${token.trim()}` };
}
