/** Files of JSON lines: every line checked, and each problem said with its place. */
import { readFile } from 'node:fs/promises';
import { UserError } from '@gapo/service';

const mostProblems = 5;

/**
 * Reads a file of JSON lines; empty lines are ignored.
 *
 * @param shape what a line holds, for messages, as `{"id", "prompt"}`
 * @param parse makes a record of a line's value, or throws an Error that says what is wrong with it
 * @throws UserError with a line `file:line: what is wrong` for each of the first few problems
 */
export async function readJsonLines<T>(
  path: string,
  shape: string,
  parse: (value: unknown, index: number, lineNumber: number) => T,
): Promise<readonly T[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'does not exist' : `cannot be read: ${message}`;
    throw new UserError(`${path}: ${why}; name a file of JSON lines ${shape}`);
  });
  const records: T[] = [];
  const problems: string[] = [];
  text.split('\n').forEach((json, i) => {
    if (json.trim() === '') return;
    try {
      records.push(parse(parseJson(json), records.length, i + 1));
    } catch (error) {
      problems.push(`${path}:${i + 1}: ${error instanceof Error ? error.message : String(error)}`);
    }
  });
  if (problems.length > mostProblems) {
    problems.splice(mostProblems, Infinity, `${path}: and ${problems.length - mostProblems} more lines`);
  }
  if (problems.length > 0) throw new UserError(problems.join('\n'));
  return records;
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new Error(`not JSON: ${(error as Error).message}`, { cause: error });
  }
}
