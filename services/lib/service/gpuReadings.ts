/** The memory of the GPUs that a process computes on. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { observeWith, type Observe } from '@gapo/tracing';

const fields = 'uuid,name,memory.used,memory.total';
const timeoutMs = 5000;
const mebibyte = 1024 * 1024;

/** Returns the output of the driver's nvidia-smi. */
export type GpuQuery = (args: readonly string[]) => Promise<string>;

const nvidiaSmi: GpuQuery = async (args) => {
  const { stdout } = await promisify(execFile)('nvidia-smi', [...args], { timeout: timeoutMs });
  return stdout;
};

/**
 * Measures the memory of the GPUs that CUDA_VISIBLE_DEVICES names, or of all, whenever metrics are collected. Does nothing on another device.
 *
 * @returns a function that stops measuring
 */
export function measureGpus(device: string, env: NodeJS.ProcessEnv = process.env, query = nvidiaSmi): () => void {
  if (device !== 'cuda') return () => undefined;
  const visible = env['CUDA_VISIBLE_DEVICES']?.trim();
  const chosen = visible ? [`--id=${visible}`] : [];
  return observeWith(async (observe) => {
    observeGpus(observe, await query([...chosen, `--query-gpu=${fields}`, '--format=csv,noheader,nounits']));
  });
}

/** Reports each line of nvidia-smi. Figures that it prints as [N/A] are omitted. */
function observeGpus(observe: Observe, csv: string): void {
  for (const line of csv.split('\n').filter((text) => text.trim() !== '')) {
    const [gpu = '', gpuName = '', used = '', total = ''] = line.split(',').map((cell) => cell.trim());
    const bytes = (cell: string): number => (/^\d+$/.test(cell) ? Number(cell) * mebibyte : NaN);
    observe('gpuMemory', bytes(used), { gpu, gpuName });
    observe('gpuMemoryLimit', bytes(total), { gpu, gpuName });
  }
}
