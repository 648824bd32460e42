/** Tasks for tests: one for each way in which a task ends. */
import { workerData } from 'node:worker_threads';
import { type Outcome, outcome } from './workerThread.js';

/** Returns its settings and its argument. */
export function echo(argument: string): Promise<Outcome<string>> {
  return outcome(async () => `${(workerData as { greeting: string }).greeting} ${argument}`);
}

export function badArgument(name: string): Promise<Outcome<null>> {
  return outcome(async () => {
    throw new RangeError(`${name} is out of range`);
  });
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

/** Blocks the thread, as the tensor runtime does: sets the first element and waits until the caller changes it. */
export function hold(state: Int32Array): Promise<Outcome<null>> {
  return outcome(async () => {
    Atomics.store(state, 0, 1);
    Atomics.wait(state, 0, 1);
    return null;
  });
}

/** Returns the maximum number of concurrent tasks so far. */
export function overlap(counts: Int32Array): Promise<Outcome<number>> {
  return outcome(async () => {
    const now = Atomics.add(counts, 0, 1) + 1;
    const most = Math.max(Atomics.load(counts, 1), now);
    Atomics.store(counts, 1, most);
    await new Promise((resolve) => setImmediate(resolve));
    Atomics.sub(counts, 0, 1);
    return most;
  });
}
