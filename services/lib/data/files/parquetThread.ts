/** The thread that reads Parquet files, one after the other, for parquetRows.ts. */
import { parentPort } from 'node:worker_threads';
import { UserError } from '@gapo/service';
import { parquetGroups, type ParquetRow } from './parquetGroups.js';

/** Opens a file, or asks for the next rows of the open one. */
export type Request = { readonly file: string } | 'next';

/** The next rows; what is wrong with the file; or neither at its end. */
export interface Answer {
  readonly rows?: readonly ParquetRow[];
  readonly problem?: string;
}

let open: AsyncGenerator<readonly ParquetRow[], void> | undefined;

async function answerTo(request: Request): Promise<Answer> {
  if (request !== 'next') {
    await open?.return(undefined);
    open = parquetGroups(request.file);
  }
  try {
    const next = await open?.next();
    return next === undefined || next.done === true ? {} : { rows: next.value };
  } catch (error) {
    // Anything else is a defect, which ends the thread.
    if (error instanceof UserError) return { problem: error.message };
    throw error;
  }
}

parentPort?.on('message', (request: Request) => {
  void answerTo(request).then((answer) => parentPort?.postMessage(answer));
});
