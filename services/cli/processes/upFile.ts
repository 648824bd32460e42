/** DATA/up.json: what `gapo up` runs, so that a second one and other commands know. */
import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomicallySync, z, UserError } from '@gapo/service';

const rowSchema = z.object({
  name: z.string(),
  does: z.string(),
  address: z.string(),
  pid: z.int().optional(),
  log: z.string().optional(),
});

const schema = z.object({
  /** The process that supervises the services. */
  pid: z.int(),
  /** Who started them: `gapo up` keeps them, `gapo run` stops them after its run. */
  command: z.enum(['up', 'run']),
  /** When it started, RFC 3339. */
  started: z.string(),
  /** The coordinator's address. */
  coordinator: z.string(),
  /** The web page's URL. */
  page: z.string(),
  /** The NATS server, where there is one. */
  nats: z.string().optional(),
  services: z.array(rowSchema),
});

/** What runs. */
export type UpState = z.infer<typeof schema>;

const pathOf = (dataDirectory: string): string => join(dataDirectory, 'up.json');

/**
 * Makes the data directory where it is missing.
 *
 * @throws UserError where it cannot be made or written to
 */
export function requireDataDirectory(dataDirectory: string): void {
  try {
    mkdirSync(dataDirectory, { recursive: true });
    accessSync(dataDirectory, constants.W_OK);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UserError(`the data directory ${dataDirectory} cannot be written to (${why}); give another with --data`, {
      cause: error,
    });
  }
}

/** Writes the file atomically. */
export function writeUpFile(dataDirectory: string, state: UpState): void {
  writeAtomicallySync(pathOf(dataDirectory), `${JSON.stringify(state, null, 2)}\n`);
}

/** Removes the file. */
export function removeUpFile(dataDirectory: string): void {
  rmSync(pathOf(dataDirectory), { force: true });
}

/** Reads the file, alive or not; undefined where there is none or it is not one of ours. */
export function readUpFile(dataDirectory: string): UpState | undefined {
  const path = pathOf(dataDirectory);
  if (!existsSync(path)) return undefined;
  try {
    const parsed = schema.safeParse(JSON.parse(readFileSync(path, 'utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
