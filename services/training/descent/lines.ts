/** Files of JSON lines, read whole before anything is trained: every line that is wrong is named. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { UserError } from '@gapo/service';

const mostProblems = 5;

/** A file of lines, and what it was. */
export interface LineFile {
  /** The path that was given. */
  readonly file: string;
  /** SHA-256 (hex) of its bytes. */
  readonly sha256: string;
  readonly lines: number;
}

/**
 * Reads files of JSON lines. Empty lines are ignored.
 *
 * @param forms what a line may be, for errors
 * @param parse what becomes of a line's value; what it throws is said with the line's place
 * @throws UserError with `file:line: what is wrong` for each of the first few problems, and the number of the others
 */
export async function readLines<Example>(
  files: readonly string[],
  forms: string,
  parse: (value: unknown) => Example,
): Promise<{ readonly examples: readonly Example[]; readonly files: readonly LineFile[] }> {
  const examples: Example[] = [];
  const problems: string[] = [];
  const read: LineFile[] = [];
  for (const file of files) {
    const bytes = await readFile(file).catch((error: unknown) => {
      const { code, message } = error as NodeJS.ErrnoException;
      const why = code === 'ENOENT' ? 'does not exist' : `cannot be read: ${message}`;
      throw new UserError(`${file}: ${why}; name a file of JSON lines ${forms}`);
    });
    let [lines, line] = [0, 0];
    for (let start = 0; start < bytes.length; line++) {
      const newline = bytes.indexOf(0x0a, start);
      const end = newline < 0 ? bytes.length : newline;
      try {
        const value = parseJson(bytes.subarray(start, end));
        if (value !== undefined) {
          lines += 1;
          examples.push(parse(value));
        }
      } catch (error) {
        problems.push(`${file}:${line + 1}: ${error instanceof Error ? error.message : String(error)}`);
      }
      start = end + 1;
    }
    read.push({ file, sha256: createHash('sha256').update(bytes).digest('hex'), lines });
  }
  if (problems.length > 0) {
    const more = problems.length - mostProblems;
    throw new UserError(
      [...problems.slice(0, mostProblems), ...(more > 0 ? [`and ${more} more lines`] : [])].join('\n'),
    );
  }
  if (examples.length === 0) throw new UserError(`${files.join(', ')}: no lines; write ${forms} a line`);
  return { examples, files: read };
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** A line's value; undefined where it is empty. */
function parseJson(bytes: Uint8Array): unknown {
  let json: string;
  try {
    json = utf8.decode(bytes);
  } catch (error) {
    throw new Error('not UTF-8; save the file in that encoding', { cause: error });
  }
  if (json.trim() === '') return undefined;
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new Error(`not JSON: ${(error as Error).message}`, { cause: error });
  }
}
