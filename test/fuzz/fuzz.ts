/** Reads many damaged inputs, target by target, and counts those that a target does not handle. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { ChunkResult, FoundFault } from './lane.js';
import { targets } from './targets.js';

/** Options of fuzzing. */
export interface FuzzOptions {
  /** Inputs over all targets. */
  readonly inputs: number;
  readonly seed: number;
  /** Targets by name. @default every one */
  readonly only?: readonly string[];
  /** Receives the number of inputs read so far, and their target. */
  readonly progress?: (read: number, target: string) => void;
  /** Receives each fault once, as soon as it is found. */
  readonly found?: (fault: FoundFault, target: string) => void;
}

/** The result for a target. */
export interface TargetResult {
  readonly target: string;
  readonly inputs: number;
  readonly failed: number;
  readonly seconds: number;
  readonly slowestMs: number;
  readonly faults: readonly FoundFault[];
}

/** Inputs that a thread reads per response. */
const chunkInputs = 1000;

/**
 * Time without a response or another input after which a reader is considered hung: far more than any input takes on a
 * busy machine.
 */
const hangMs = 30_000;
/** Time for a thread to load its reader. */
const startMs = 10 * hangMs;

/** Memory of a thread, far above what a reader of small inputs needs. */
const heapMiB = 512;

/** Reads inputs of each target, in proportion to its share. */
export async function fuzz({ inputs, seed, only, progress, found }: FuzzOptions): Promise<readonly TargetResult[]> {
  const chosen = [...targets].filter(([name]) => only === undefined || only.includes(name));
  const total = chosen.reduce((sum, [, { share }]) => sum + share, 0);
  const root = await mkdtemp(join(tmpdir(), 'gapo-fuzz-'));
  const results: TargetResult[] = [];
  let read = 0;
  try {
    for (const [name, { share }] of chosen) {
      const count = Math.max(1, Math.round((inputs * share) / total));
      const before = read;
      results.push(
        await fuzzTarget(name, count, seed, root, {
          progress(own) {
            read = before + own;
            progress?.(read, name);
          },
          found: (fault) => found?.(fault, name),
        }),
      );
    }
  } finally {
    await rm(root, { recursive: true, force: true, maxRetries: 5 });
  }
  return results;
}

/** A directory around a target's, with a file that must stay unchanged and the only one. */
async function canary(root: string, name: string): Promise<{ directory: string; check: () => Promise<string[]> }> {
  const around = join(root, name);
  const directory = join(around, 'own');
  await mkdir(directory, { recursive: true });
  await writeFile(join(around, 'canary'), name);
  const check = async (): Promise<string[]> => {
    const found = (await readdir(around)).filter((entry) => entry !== 'own' && entry !== 'canary');
    const same = (await readFile(join(around, 'canary'), 'utf8').catch(() => '')) === name;
    return same ? found : [...found, 'canary'];
  };
  return { directory, check };
}

async function fuzzTarget(
  name: string,
  inputs: number,
  seed: number,
  root: string,
  { progress, found }: { readonly progress: (read: number) => void; readonly found: (fault: FoundFault) => void },
): Promise<TargetResult> {
  const started = performance.now();
  const { directory, check } = await canary(root, name);
  const faults = new Map<string, FoundFault>();
  let failed = 0;
  let slowestMs = 0;
  let lane = await Lane.start(name, directory);
  for (let done = 0; done < inputs;) {
    const chunk = { seed: seed + done, inputs: Math.min(chunkInputs, inputs - done) };
    const result = await lane.read(chunk, (own) => progress(Math.min(inputs, done + own)));
    done += chunk.inputs;
    failed += result.failed;
    slowestMs = Math.max(slowestMs, result.slowestMs);
    for (const fault of result.faults) {
      if (faults.has(fault.signature)) continue;
      faults.set(fault.signature, fault);
      found(fault);
    }
    progress(done);
    if (lane.ended) lane = await Lane.start(name, directory);
  }
  await lane.close();
  const written = await check();
  if (written.length > 0) {
    failed += 1;
    faults.set('outside', {
      signature: 'outside',
      what: `wrote outside of its directory: ${written.join(', ')}`,
      input: '',
    });
  }
  const seconds = (performance.now() - started) / 1000;
  return { target: name, inputs, failed, seconds, slowestMs, faults: [...faults.values()] };
}

/** A thread that reads inputs of one target. */
class Lane {
  readonly #worker: Worker;
  readonly #begun: Int32Array;
  readonly #target: string;
  #ended = false;

  private constructor(target: string, directory: string) {
    this.#target = target;
    this.#begun = new Int32Array(new SharedArrayBuffer(4));
    this.#worker = new Worker(new URL('./lane.js', import.meta.url), {
      workerData: { target, directory, begun: this.#begun },
      resourceLimits: { maxOldGenerationSizeMb: heapMiB },
    });
    this.#worker.on('exit', () => (this.#ended = true));
  }

  /** Whether the thread has ended, so that another one has to be started. */
  get ended(): boolean {
    return this.#ended;
  }

  static async start(target: string, directory: string): Promise<Lane> {
    const lane = new Lane(target, directory);
    await lane.#answer(() => undefined, startMs);
    return lane;
  }

  /** Reads a chunk. If the thread ends in the meantime, its current input and those after it count as failed. */
  async read(chunk: { seed: number; inputs: number }, progress: (begun: number) => void): Promise<ChunkResult> {
    const before = Atomics.load(this.#begun, 0);
    const begun = (): number => Atomics.load(this.#begun, 0) - before;
    this.#worker.postMessage(chunk);
    try {
      return (await this.#answer(() => progress(begun()))) as ChunkResult;
    } catch (error) {
      this.#ended = true;
      await this.#worker.terminate();
      const what = `${(error as Error).message}, at input ${begun()} of seed ${chunk.seed}`;
      const fault = { signature: (error as Error).message.slice(0, 60), what, input: '' };
      return { failed: Math.max(1, chunk.inputs - begun() + 1), faults: [fault], slowestMs: hangMs };
    }
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    this.#worker.postMessage('close');
    await new Promise<void>((resolve) => this.#worker.once('exit', () => resolve()));
  }

  /** Resolves with the next message. Rejects if the thread ends, or does not begin another input for a long time. */
  #answer(alive: () => void, patienceMs = hangMs): Promise<unknown> {
    return new Promise((resolve, reject) => {
      let [last, since] = [-1, performance.now()];
      const watch = setInterval(() => {
        alive();
        const now = Atomics.load(this.#begun, 0);
        if (now !== last) [last, since] = [now, performance.now()];
        else if (performance.now() - since > patienceMs) settle(() => reject(new Error(`${this.#target} hangs`)));
      }, 250);
      const onMessage = (message: unknown): void => settle(() => resolve(message));
      const onError = (error: Error): void => settle(() => reject(error));
      const onExit = (): void => settle(() => reject(new Error(`${this.#target} ended the thread`)));
      const settle = (act: () => void): void => {
        clearInterval(watch);
        this.#worker.off('message', onMessage).off('error', onError).off('exit', onExit);
        act();
      };
      this.#worker.once('message', onMessage).once('error', onError).once('exit', onExit);
    });
  }
}
