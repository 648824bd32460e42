/** Peak memory of several objectives' gradients relative to one objective's. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/**
 * Each runs in a separate process, on the same 16 sequences of 128 tokens with adapters of rank 8.
 *
 * - `memory.peakMebibytes`: peak resident memory with one objective.
 * - `memory.peakRatioK8`: peak with 8 objectives divided by that with one.
 */
export async function memoryBench(): Promise<Record<string, number>> {
  const one = await peakKibibytes(1);
  return { 'memory.peakMebibytes': one / 1024, 'memory.peakRatioK8': (await peakKibibytes(8)) / one };
}

async function peakKibibytes(objectives: number): Promise<number> {
  const child = fork(fileURLToPath(new URL('./memoryOfGradients.js', import.meta.url)), [String(objectives)]);
  const exited = once(child, 'exit');
  const [peak] = (await Promise.race([
    once(child, 'message'),
    exited.then(() => {
      throw new Error('memory bench: the measured process exited without a result');
    }),
  ])) as [number];
  await exited;
  return peak;
}
