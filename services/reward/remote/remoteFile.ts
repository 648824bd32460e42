/** The keys common to all files that describe a remote scorer. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { tokenKeys } from '@gapo/config';
import type { ScorerDescription } from '@gapo/reward';
import {
  finiteNumber,
  milliseconds,
  nonEmptyText,
  nonNegativeInt,
  parseYaml,
  positiveInt,
  word,
  z,
  UserError,
} from '@gapo/service';
import type { TokenOptions } from './token.js';

/** How a remote scorer is opened. */
export interface RemoteOptions extends TokenOptions {
  /** The YAML file. */
  readonly path: string;
  /** The objective's name; overrides the file's. */
  readonly objective?: string | undefined;
}

/** Keys that any such file may have. */
export const remoteKeys = {
  objective: word,
  /** Changes whenever the same item may get another score. @default a digest of the file */
  version: nonEmptyText.optional(),
  orientation: z.enum(['higher_is_better', 'lower_is_better']).default('higher_is_better'),
  threshold: finiteNumber.optional(),
  /** The time limit of one request. @default 30000 */
  timeoutMs: milliseconds.default(30_000),
  /** Concurrent requests over all calls. @default 4 */
  concurrency: positiveInt.default(4),
  /**
   * How often a request is retried after a transient failure, if the server names no time. @default 5
   */
  retries: nonNegativeInt.default(5),
  ...tokenKeys,
};

/** Default number of items per request. */
export const defaultBatch = 32;

/** Items per request. @default 32 */
export const batch = positiveInt.default(defaultBatch);

/** The values of {@link remoteKeys}. */
export type RemoteFile = z.output<z.ZodObject<typeof remoteKeys>>;

/**
 * Reads and checks a file.
 *
 * @param wording identifies what the service adds to the file's texts, which affects scores too
 * @returns the file with every default filled in, and the version of its scores
 * @throws UserError or ConfigError if it is invalid
 */
export async function readRemoteFile<T extends { version?: string | undefined }>(
  path: string,
  schema: z.ZodType<T>,
  wording: (file: T) => string = () => '',
): Promise<{ file: T; version: string }> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    throw new UserError(`${path}: cannot be read: ${(error as Error).message}`, { cause: error });
  }
  const file = parseYaml(schema, content, { source: path });
  const digest = createHash('sha256').update(content).update(wording(file)).digest('hex').slice(0, 16);
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
