/** Tasks of a child process for tests: one for each way in which a task ends. */
import { type Outcome, outcome } from '../thread/workerThread.js';
import { reportProgress } from './reportProgress.js';

export function pid(): Promise<Outcome<number>> {
  return outcome(async () => process.pid);
}

export function badModel(path: string): Promise<Outcome<null>> {
  return outcome(async () => {
    throw Object.assign(new Error(`${path}: does not exist`), { expected: true });
  });
}

export function defect(message: string): Promise<Outcome<null>> {
  return outcome(async () => {
    throw new TypeError(message);
  });
}

/** Aborts the process as a native library does. */
export function abort(): Promise<Outcome<null>> {
  process.stderr.write("thread '<unnamed>' panicked at a.rs:1:2:\nindex out of bounds\n");
  process.abort();
}

/** Allocates memory outside the heap without limit. */
export function fill(): Promise<Outcome<number>> {
  const all: Buffer[] = [];
  const more = (): void => {
    all.push(Buffer.alloc(4 << 20, 1));
    setTimeout(more, 1);
  };
  more();
  return new Promise(() => undefined);
}

/** Reports that it has begun and never ends. */
export function hold(name: string): Promise<Outcome<null>> {
  reportProgress(name);
  return new Promise(() => undefined);
}
