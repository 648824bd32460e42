/** How fast gradients travel between two processes on loopback, on the code path of gradient workers and the coordinator. */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { connect, TensorAssembler, type Client } from '@gapo/rpc';

const rounds = 40;

/**
 * - `transfer.megabytesPerSecond`: two gradients of 10 million floats, from the first message to the last element in the
 *   receiver's arrays; the best of several, because other processes only ever add time. A megabyte is 10⁶ bytes.
 */
export async function transferBench(): Promise<Record<string, number>> {
  const child = fork(fileURLToPath(new URL('./transferServer.js', import.meta.url)));
  const [address] = (await once(child, 'message')) as [string];
  const client = connect('gapo.gradient.v1.GradientService', address);
  const arrays = [0, 1].map(() => new Float32Array(10_000_000));
  let best = 0;
  try {
    for (let round = 0; round < rounds; round++) best = Math.max(best, await fetched(client, arrays));
  } finally {
    client.close();
    const exit = once(child, 'exit');
    child.disconnect();
    await exit;
  }
  return { 'transfer.megabytesPerSecond': best };
}

/** One transfer, in megabytes per second. */
async function fetched(
  client: Client<'gapo.gradient.v1.GradientService'>,
  into: readonly Float32Array[],
): Promise<number> {
  const began = performance.now();
  let assembler: TensorAssembler | undefined;
  for await (const { header, chunk } of client.ComputeGradients({}, { deadlineMs: 60_000 })) {
    if (header) assembler = new TensorAssembler(header.tensors, { allocate: (_, index) => into[index] });
    if (chunk) assembler?.add(chunk);
  }
  const tensors = assembler?.finish() ?? [];
  const millis = performance.now() - began;
  if (assembler === undefined || tensors.length !== 2 || !tensors.every(({ data }) => data[1] !== 0)) {
    throw new Error('transfer bench: the gradients did not arrive; nothing was measured');
  }
  return assembler.totalBytes / 1000 / millis;
}
