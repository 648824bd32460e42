/** The rows of a Parquet file, read in a thread: the library can loop for ever over a damaged page, which nothing else could end. */
import { Worker } from 'node:worker_threads';
import { UserError } from '@gapo/service';
import { decodeUtf8 } from './jsonText.js';
import type { ParquetRow } from './parquetGroups.js';
import type { Answer, Request } from './parquetThread.js';

/** Far more than a row group of the largest size takes. */
const longestRowGroupMs = 60_000;

/** A thread that waits for the next file, so that small files do not start one each. */
let idle: Worker | undefined;

/**
 * Yields the rows of a file.
 *
 * @param rowGroupMs milliseconds for one row group, after which the file is held to be damaged
 * @throws UserError if the file is damaged, a row group is too large, or reading one takes too much time or memory
 */
export async function* parquetRows(file: string, rowGroupMs = longestRowGroupMs): AsyncGenerator<ParquetRow> {
  const thread = idle ?? new Worker(new URL('./parquetThread.js', import.meta.url));
  idle = undefined;
  let reusable = false;
  try {
    let answer = await ask(thread, { file }, rowGroupMs);
    while (answer.rows !== undefined) {
      yield* answer.rows;
      answer = await ask(thread, 'next', rowGroupMs);
    }
    reusable = true;
    if (answer.problem !== undefined) throw new UserError(answer.problem);
  } catch (error) {
    if (error instanceof UserError) throw error;
    const memory = (error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY';
    const why = memory ? 'a row group takes more memory than this process may use' : (error as Error).message;
    throw new UserError(`${file}: ${why}; write smaller row groups, for example with row_group_size=1000`, {
      cause: error,
    });
  } finally {
    if (reusable && idle === undefined) {
      thread.unref();
      idle = thread;
    } else await thread.terminate();
  }
}

/** Sends a request and returns the answer. Rejects if the thread ends, or does not answer in time. */
function ask(thread: Worker, request: Request, rowGroupMs: number): Promise<Answer> {
  thread.ref();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () =>
        settle(() =>
          reject(new Error(`damaged Parquet, or a row group that takes more than ${rowGroupMs / 1000} s to read`)),
        ),
      rowGroupMs,
    );
    const onMessage = (answer: Answer): void => settle(() => resolve(answer));
    const onError = (error: Error): void => settle(() => reject(error));
    const onExit = (): void => settle(() => reject(new Error('the thread that reads it ended')));
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      thread.off('message', onMessage).off('error', onError).off('exit', onExit);
      act();
    };
    thread.once('message', onMessage).once('error', onError).once('exit', onExit);
    thread.postMessage(request);
  });
}

/**
 * Returns a Parquet value as JSON has it: integers as numbers, times as text, byte arrays as the text that they encode.
 * Numbers that JSON has not, or that would be rounded, are texts.
 *
 * @throws UserError if bytes are no text
 */
export function jsonOf(value: unknown): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : String(value);
  }
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return decodeUtf8(value);
  if (value instanceof Date) return value.toISOString();
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as Iterable<unknown>, jsonOf);
  if (Array.isArray(value)) return value.map(jsonOf);
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, jsonOf(member)]));
}
