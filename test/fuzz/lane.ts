/** The thread in which a target reads its inputs. A reader that hangs or takes too much memory ends only this thread. */
import { inspect } from 'node:util';
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '@gapo/rpc';
import fc from 'fast-check';
import { targets } from './targets.js';
import { attempt, Fault } from './verdict.js';

/** The thread's start data. */
export interface LaneData {
  readonly target: string;
  readonly directory: string;
  /** [0]: number of inputs begun. */
  readonly begun: Int32Array;
}

/** A request to read some inputs. */
export interface Chunk {
  readonly seed: number;
  readonly inputs: number;
}

/** A fault with the first input that shows it. */
export interface FoundFault {
  readonly signature: string;
  readonly what: string;
  readonly input: string;
}

/** The answer to a {@link Chunk}. */
export interface ChunkResult {
  readonly failed: number;
  /** Faults that had not been found before. */
  readonly faults: readonly FoundFault[];
  /** The longest time of one input, in milliseconds. */
  readonly slowestMs: number;
}

const { target: name, directory, begun } = workerData as LaneData;
const known = new Set<string>();
const unhandled: unknown[] = [];
process.on('unhandledRejection', (error) => void unhandled.push(error));

const open = targets.get(name);
if (open === undefined) throw new Error(`there is no target ${name}; there are ${[...targets.keys()].join(', ')}`);
const target = await open.open(directory);

async function read({ seed, inputs }: Chunk): Promise<ChunkResult> {
  let failed = 0;
  let slowestMs = 0;
  const faults: FoundFault[] = [];
  const property = fc.asyncProperty(target.inputs, async (input) => {
    Atomics.add(begun, 0, 1);
    const start = performance.now();
    try {
      await attempt(target, input);
      const [error] = unhandled.splice(0);
      if (error !== undefined) {
        throw new Fault(
          'unhandled',
          `a rejection was not handled: ${error instanceof Error ? error.stack : inspect(error)}`,
        );
      }
    } catch (error) {
      if (!(error instanceof Fault) || !known.has(error.signature)) throw error;
      failed += 1;
    } finally {
      slowestMs = Math.max(slowestMs, performance.now() - start);
    }
  });
  for (let done = 0; done < inputs;) {
    const result = await fc.check(property, { numRuns: inputs - done, seed: seed + done, endOnFailure: true });
    done += result.numRuns;
    if (!result.failed) break;
    failed += 1;
    const fault =
      result.errorInstance instanceof Fault ? result.errorInstance : new Fault('harness', String(result.errorInstance));
    known.add(fault.signature);
    faults.push({
      signature: fault.signature,
      what: fault.message,
      input: fc.stringify(result.counterexample).slice(0, 600),
    });
  }
  try {
    await target.check?.();
  } catch (error) {
    failed += 1;
    faults.push({ signature: 'state', what: messageOf(error), input: '' });
  }
  return { failed, faults, slowestMs };
}

parentPort?.on('message', (chunk: Chunk | 'close') => {
  if (chunk === 'close') {
    void Promise.resolve(target.close?.()).finally(() => process.exit(0));
    return;
  }
  // A bug in the harness itself ends the thread.
  read(chunk).then(
    (result) => parentPort?.postMessage(result),
    (error: unknown) =>
      setImmediate(() => {
        throw error;
      }),
  );
});
parentPort?.postMessage('ready');
