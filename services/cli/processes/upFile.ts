/** DATA/up.json: the services of a running `gapo up`, for other commands. */
import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '@gapo/rpc';
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
  /** The command that started them: `gapo up` keeps them, `gapo run` stops them after its run. */
  command: z.enum(['up', 'run']),
  /** When it started, RFC 3339. */
  started: z.string(),
  /** The coordinator's address. */
  coordinator: z.string(),
  /** The web page's URL. */
  page: z.string(),
  /** The directory of the certificates, absolute; absent without TLS. */
  tls: z.string().optional(),
  /** The NATS server, if there is one. */
  nats: z.string().optional(),
  services: z.array(rowSchema),
});

/** The running services. */
export type UpState = z.infer<typeof schema>;

const pathOf = (dataDirectory: string): string => join(dataDirectory, 'up.json');

/**
 * Creates the data directory if it does not exist.
 *
 * @throws UserError if it cannot be created or written to
 */
export function requireDataDirectory(dataDirectory: string): void {
  try {
    mkdirSync(dataDirectory, { recursive: true });
    accessSync(dataDirectory, constants.W_OK);
  } catch (error) {
    const why = messageOf(error);
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

/** Reads the file, whether its services are running or not; undefined if it does not exist or is invalid. */
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
