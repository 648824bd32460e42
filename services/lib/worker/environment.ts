/**
 * Everything that affects the last bits of a worker's numbers. Two workers with equal environments return the same
 * bytes.
 */
import { readFile } from 'node:fs/promises';
import type { TensorThreadSettings } from './threadSettings.js';

/** Values by name. */
export type Environment = Readonly<Record<string, string>>;

/** The vector instruction sets by which the tensor runtime chooses its float32 kernels. */
const instructionSets = ['avx', 'fma', 'avx2', 'avx512f', 'asimd', 'asimdhp', 'sve'];

/**
 * Returns the environment of this process.
 *
 * @param runtime name and version of the tensor runtime
 */
export async function ownEnvironment(
  { threads, device }: Pick<TensorThreadSettings, 'threads' | 'device'>,
  runtime: string,
): Promise<Environment> {
  const [node = ''] = process.versions.node.split('.');
  const processor = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  return {
    threads: String(threads),
    device,
    runtime,
    node,
    platform: `${process.platform}-${process.arch}`,
    instructions: instructionsOf(processor),
  };
}

/**
 * Returns the instruction sets in the text of /proc/cpuinfo, for x86 (flags) or ARM (Features); empty if there are
 * none.
 */
export function instructionsOf(cpuinfo: string): string {
  const [, line = ''] = /^(?:flags|Features)\s*:(.*)$/m.exec(cpuinfo) ?? [];
  const present = new Set(line.trim().split(/\s+/));
  return instructionSets.filter((name) => present.has(name)).join(' ');
}
