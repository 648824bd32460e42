/** Formats a run's plan as tables. */
import {
  type EngineExtents,
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
function workersLine({ name, most, gpus, hostBytes, deviceBytes }: Worker, device: string): string {
  const devices = gpus === 1 ? `its ${device} device` : `each of its ${gpus} ${device} devices`;
  const size = `${bytesText(hostBytes)} of memory${deviceBytes === 0 ? '' : ` and ${bytesText(deviceBytes)} on ${devices}`}`;
  return most === 1 ? `1 ${name} with ${size}` : `1 to ${most} ${name} workers, each with ${size}`;
}

/** Says how to reduce a worker's GPU memory. */
function remedyOf(name: Worker['name'], { rollout, gradient }: EngineExtents): string {
  if (name === 'rollout')
    return rollout.name === 'native'
      ? 'raise rollout.shards, or lower rollout.batch'
      : 'raise --rollout-gpus or rollout.shards, or lower --concurrency';
  const less = 'lower compute.memoryBudget, or set compute.recompute';
  return gradient.name === 'native' ? less : `raise --gradient-gpus, ${less}`;
}

/** Says for each kind of GPU worker whether it fits, with a tenth to spare, and how many sequences vLLM then has room for. */
function fitLines(plan: Plan, { engines, promptTokens, completionTokens }: RunExtents, memory: number): string[] {
  const room = 0.9 * memory;
  const of = `nine tenths of a GPU's ${bytesText(memory)}`;
  return plan.workers.flatMap(({ name, deviceBytes, parts }) => {
    if (deviceBytes === 0) return [];
    if (deviceBytes > room) return [`A ${name} worker does not fit in ${of}: ${remedyOf(name, engines)}.`];
    const cache = parts.find(({ what }) => what === 'KV cache');
    if (name !== 'rollout' || engines.rollout.name === 'native' || cache === undefined)
      return [`A ${name} worker fits in ${of}.`];
    const sequences = Math.floor((plan.sampledAtOnce * (room - deviceBytes + cache.bytes)) / cache.bytes);
    const tokens = promptTokens + completionTokens;
    return [`A ${name} worker fits in ${of}. Its server then has room for ${count(sequences)} sequences of ${tokens} tokens.`]; // prettier-ignore
  });
}

/** The phases of a step, in the order of the table. */
const phases = ['sampling', 'reference', 'gradients', 'versions', 'transfers'] as const;

/** Formats the seconds of a step by the number of workers, and says how many are useful. */
function timesText(times: readonly StepTime[], { engines }: RunExtents, rates: Rates): string {
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
  const reading = rates.memory === undefined ? '' : `, which read memory at ${significant(rates.memory / 1e9)} GB/s`;
  const among = rates.interconnect === undefined ? '' : `, ${significant(rates.interconnect / 1e9)} GB/s among those of a worker`; // prettier-ignore
  const { rollout, gradient } = engines;
  const devices =
    rollout.name === 'native' && gradient.name === 'native'
      ? `of ${significant(rates.operations / 1e12)} TFLOP/s`
      : `(rollout: ${engineText(rollout)}, gradient: ${engineText(gradient)}), each GPU with ${significant(rates.operations / 1e12)} TFLOP/s`;
  return [
    table(
      ['workers', 'shards', ...phases, 'step', 'efficiency'],
      rows,
      Array.from({ length: phases.length + 4 }, (_, i) => i),
    ),
    `seconds per step with that many rollout and gradient workers ${devices}${reading}${among}, and ` +
      `${significant((8 * rates.link) / 1e9)} Gbit/s through the coordinator; without rewards`,
    `Beyond ${count(useful.workers)} of each, doubling them makes a step less than 10 % faster. There, ` +
      `${Math.round((100 * useful[most]) / useful.step)} % of it goes to ${most}.`,
  ].join('\n');
}

/** Formats an engine and the GPUs of its workers, such as `pytorch on 8`. */
function engineText(engine: EngineExtents['rollout'] | EngineExtents['gradient']): string {
  return engine.name === 'native' ? 'native' : `${engine.name} on ${engine.gpus}`;
}

/** Assumptions given by the user in addition to the run. */
export interface PlanAssumptions {
  readonly rates: Rates | undefined;
  /** Bytes of memory per GPU. */
  readonly gpuMemory: number | undefined;
}

/** Formats the plan, with the seconds of a step if rates are given. */
export function planText(plan: Plan, run: RunExtents, { rates, gpuMemory }: PlanAssumptions): string {
  const { parameters, trained, workers, operations, transfers, gathering } = plan;
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
    ...(gpuMemory === undefined ? [] : fitLines(plan, run, gpuMemory)),
    ...(4 * trained > longest
      ? [
          `A gradient of ${bytesText(4 * trained)} is more than one message stream holds in memory at a time: train adapters.`,
        ]
      : []),
    '',
    table(['in a step', 'operations'], steps, [1]),
    `transfers in a step: ${bytesText(transfers.version)} to each worker for a version, ${bytesText(transfers.gradients)} of gradients`,
    ...(gathering === undefined
      ? []
      : [
          `within a gradient worker: ${bytesText(gathering.pass)} of weights to each GPU for a pass over a micro-batch`,
        ]),
    ...(rates === undefined ? [] : ['', timesText(stepTimes(plan, run, rates), run, rates)]),
  ].join('\n');
}
