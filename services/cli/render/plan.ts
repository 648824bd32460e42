/** Formats a run's plan as tables. */
import type { Plan, RunExtents, Worker } from '@gapo/model';
import { count, significant } from './numbers.js';
import { table } from './table.js';

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** Formats bytes with three digits, such as `1.25 GiB`. */
export function bytesText(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value >= 100 ? Math.round(value) : significant(value)} ${units[unit]}`;
}

function workerRows({ name, parts, hostBytes, deviceBytes }: Worker, device: string): string[][] {
  const total = deviceBytes === 0 ? bytesText(hostBytes) : `${bytesText(hostBytes)} + ${bytesText(deviceBytes)}`;
  return [
    [name, 'all', total, deviceBytes === 0 ? 'host' : `host + ${device}`, ''],
    ...parts.map(({ what, bytes, onDevice, formula }) => [
      '',
      what,
      bytesText(bytes),
      onDevice ? device : 'host',
      formula,
    ]),
  ];
}

/** Formats the number of processes of a kind and the size of each. */
function workersLine({ name, most, hostBytes, deviceBytes }: Worker, device: string): string {
  const size = `${bytesText(hostBytes)} of memory${deviceBytes === 0 ? '' : ` and ${bytesText(deviceBytes)} on its ${device} device`}`;
  return most === 1 ? `1 ${name} with ${size}` : `1 to ${most} ${name} workers, each with ${size}`;
}

/** Formats the plan. */
export function planText(plan: Plan, run: RunExtents, teraflops: number | undefined): string {
  const { parameters, trained, workers, operations, transfers } = plan;
  const all = Object.values(operations).reduce((sum, value) => sum + value, 0);
  const steps = Object.entries(operations).map(([phase, value]) => [
    phase,
    `${significant(value / 1e12)} · 10¹²`,
    ...(teraflops === undefined ? [] : [significant(value / 1e12 / teraflops)]),
  ]);
  const seconds = teraflops === undefined ? [] : ['seconds'];
  const sizes = `prompts of ${run.promptTokens} tokens, completions of up to ${run.completionTokens}, ${
    run.promptsPerStep * run.samplesPerPrompt
  } in a step, ${run.shards} shards, ${run.objectives} objectives`;
  const longest = 2 ** 32;
  return [
    `${count(parameters)} parameters, ${run.lora === undefined ? 'all trained' : `frozen, and ${count(trained)} trained in adapters`}; ${run.precision}; device ${run.device}`,
    sizes,
    '',
    table(
      ['process', 'part', 'memory', 'where', 'made of'],
      workers.flatMap((worker) => workerRows(worker, run.device)),
      [2],
    ),
    '',
    ...workers.map((worker) => workersLine(worker, run.device)),
    ...(4 * trained > longest
      ? [
          `A gradient of ${bytesText(4 * trained)} is more than one message stream holds in memory at a time: train adapters.`,
        ]
      : []),
    '',
    table(['in a step', 'operations', ...seconds], steps, [1, 2]),
    ...(teraflops === undefined
      ? []
      : [
          `${significant(all / 1e12 / teraflops)} s a step with one worker of ${teraflops} TFLOP/s of each kind, ` +
            `${significant(all / 1e12 / teraflops / run.shards)} s with ${run.shards}`,
        ]),
    `transfers in a step: ${bytesText(transfers.version)} to each worker for a version, ${bytesText(transfers.gradients)} of gradients`,
  ].join('\n');
}
