/** What the gradients of several objectives need in memory, against those of one. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/**
 * Each in a process of its own, with the same 16 sequences of 128 tokens and adapters of rank 8.
 *
 * - `memory.peakMebibytes`: the most memory that was resident at a time, with one objective.
 * - `memory.peakRatioK8`: with 8 objectives, divided by that.
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
      throw new Error('memory bench: the process that was measured ended without a word');
    }),
  ])) as [number];
  await exited;
  return peak;
}
