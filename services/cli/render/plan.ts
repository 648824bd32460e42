/** Formats a run's plan as tables. */
import {
  type Plan,
  type Rates,
  type RunExtents,
  type StepTime,
  type Worker,
  stepTimes,
  usefulWorkers,
} from '@gapo/model';
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

/** The phases of a step, in the order of the table. */
const phases = ['sampling', 'reference', 'gradients', 'versions', 'transfers'] as const;

/** Formats the seconds of a step by the number of workers, and says how many are useful. */
function timesText(times: readonly StepTime[], rates: Rates): string {
  const one = times[0]?.step ?? 0;
  const rows = times.map((time) => [
    String(time.workers),
    String(time.shards),
    ...phases.map((phase) => significant(time[phase])),
    significant(time.step),
    `${Math.round((100 * one) / (time.workers * time.step))} %`,
  ]);
  const useful = usefulWorkers(times);
  const most = phases.reduce((found, phase) => (useful[phase] > useful[found] ? phase : found));
  const reading = rates.memory === undefined ? '' : `, which read weights at ${significant(rates.memory / 1e9)} GB/s`;
  return [
    table(
      ['workers', 'shards', ...phases, 'step', 'efficiency'],
      rows,
      Array.from({ length: phases.length + 4 }, (_, i) => i),
    ),
    `seconds of a step with that many rollout and gradient workers of ${significant(rates.operations / 1e12)} TFLOP/s${reading}, and ` +
      `${significant((8 * rates.link) / 1e9)} Gbit/s through the coordinator; without rewards`,
    `Beyond ${count(useful.workers)} of each, twice as many make a step less than a tenth faster. There, ${most} takes ` +
      `${Math.round((100 * useful[most]) / useful.step)} % of it.`,
  ].join('\n');
}

/** Formats the plan, with the seconds of a step where there are rates. */
export function planText(plan: Plan, run: RunExtents, rates: Rates | undefined): string {
  const { parameters, trained, workers, operations, transfers } = plan;
  const steps = Object.entries(operations).map(([phase, value]) => [phase, `${significant(value / 1e12)} · 10¹²`]);
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
    table(['in a step', 'operations'], steps, [1]),
    `transfers in a step: ${bytesText(transfers.version)} to each worker for a version, ${bytesText(transfers.gradients)} of gradients`,
    ...(rates === undefined ? [] : ['', timesText(stepTimes(plan, run, rates), rates)]),
  ].join('\n');
}
