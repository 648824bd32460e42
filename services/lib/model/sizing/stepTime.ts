/**
 * The duration of a training step by number of workers: what they do in parallel, and what passes through the coordinator. A bound
 * based on rates: rewards take no time, and no phases overlap except sampling that runs ahead of training.
 */
import { required } from '@gapo/numeric';
import { gpusOf } from './engines.js';
import { mostAtOnce, type Plan, type RunExtents } from './plan.js';

/** The part of a run's plan that determines a step's demand. */
type Demand = Pick<Plan, 'parameters' | 'operations' | 'transfers' | 'gathering' | 'cacheBytesPerToken'>;

/** Achieved rates of a worker's GPUs, or of a native worker, and of the coordinator's link. */
export interface Rates {
  /** Floating-point operations per second of a GPU. */
  readonly operations: number;
  /** Bytes per second at which a GPU reads its memory; undefined if memory is not a bound. */
  readonly memory: number | undefined;
  /** Bytes per second that each GPU receives from the others of its worker; undefined if that is not a bound. */
  readonly interconnect: number | undefined;
  /** Bytes per second through the coordinator in each direction: the slower of its link and its single thread. */
  readonly link: number;
}

/** The seconds of a step's phases. */
export interface StepTime {
  /** Rollout workers, and as many gradient workers. */
  readonly workers: number;
  /** Shards of a step: those of the run, or one per worker. */
  readonly shards: number;
  readonly sampling: number;
  readonly reference: number;
  readonly gradients: number;
  /** Versions from the coordinator to every worker. */
  readonly versions: number;
  /** Gradients from every shard to the coordinator. */
  readonly transfers: number;
  /** Their sum. With staleness, the longer of sampling and all others. */
  readonly step: number;
}

/** What one Node process can receive and decode, measured with `npm run bench -- --only transfer` on one core. */
export const coordinatorBytesPerSecond = 1.25e9;

/**
 * Computes the seconds of a step.
 *
 * - Shards are assigned to workers as they become idle: the last of n workers ends after ceil(shards / n) shards of equal size.
 * - A decoding step takes the longer of its operations and its reads: every weight once, whatever the number of sequences, and each
 *   sequence's keys and values, with half of its completion on average.
 * - A pass over a micro-batch takes the longer of its operations and gathering the weights sharded over the worker's GPUs.
 * - The coordinator sends each version to each worker and receives the gradients of each shard and update.
 *
 * @param plan of the run
 * @param run its extents
 * @param workers rollout workers, and as many gradient workers
 * @throws RangeError if there are more workers than prompts in a step, because a shard has at least one
 */
export function stepTime(plan: Demand, run: RunExtents, rates: Rates, workers: number): StepTime {
  if (workers > run.promptsPerStep) {
    throw new RangeError(
      `${workers} workers for ${run.promptsPerStep} prompts in a step, of which a shard has at least one`,
    );
  }
  const shards = Math.max(run.shards, workers);
  const rounds = Math.ceil(shards / workers);
  const gpus = gpusOf(run.engines.gradient);
  const ofOneWorker = (operations: number, rows = 1, passes = 0): number => {
    const computing = (operations / rates.operations / gpus) * (rounds / shards);
    if (plan.gathering === undefined || rates.interconnect === undefined || operations === 0) return computing;
    const sequences = Math.ceil((run.promptsPerStep * run.samplesPerPrompt) / shards / gpus);
    const gathered = rounds * Math.ceil(sequences / rows) * passes * plan.gathering.pass;
    return Math.max(computing, gathered / rates.interconnect);
  };
  const bytes = { version: plan.transfers.version, gradients: (plan.transfers.gradients / run.shards) * shards };
  const times = {
    sampling: rounds * samplingOfShard(plan, run, rates, shards),
    reference: ofOneWorker(plan.operations.reference, plan.gathering?.rows.reference, 1),
    gradients: ofOneWorker(plan.operations.gradients, plan.gathering?.rows.gradients, 2 * run.epochs),
    versions: (2 * workers * bytes.version) / rates.link,
    transfers: bytes.gradients / rates.link,
  };
  const sum = Object.values(times).reduce((total, seconds) => total + seconds, 0);
  const step = run.staleness === 0 ? sum : Math.max(times.sampling, sum - times.sampling);
  return { workers, shards, ...times, step };
}

/** The time a worker takes to sample one shard, in seconds. */
function samplingOfShard(plan: Demand, run: RunExtents, rates: Rates, shards: number): number {
  const { promptsPerStep, samplesPerPrompt, promptTokens, completionTokens, precision } = run;
  const engine = run.engines.rollout;
  const gpus = gpusOf(engine);
  const atOnce = mostAtOnce(run);
  const tokens = promptsPerStep * promptTokens + promptsPerStep * samplesPerPrompt * completionTokens;
  const perToken = plan.operations.sampling / tokens;
  const prompts = promptsPerStep / shards;
  const rows = prompts * samplesPerPrompt;
  const reading = (prompts * promptTokens * perToken) / rates.operations / gpus;
  const computing = (rows * completionTokens * perToken) / rates.operations / gpus;
  if (rates.memory === undefined) return reading + computing;
  const weights = plan.parameters * (precision === 'float16' || engine.name === 'vllm' ? 2 : 4);
  const decodingSteps = Math.ceil(rows / atOnce) * completionTokens;
  const cache = rows * completionTokens * (promptTokens + completionTokens / 2) * plan.cacheBytesPerToken;
  return reading + Math.max(computing, (decodingSteps * weights + cache) / rates.memory / gpus);
}

/**
 * Computes the seconds of a step for powers of two of workers, up to the prompts of a step.
 *
 * @param most the largest number of workers
 */
export function stepTimes(plan: Demand, run: RunExtents, rates: Rates, most = 512): StepTime[] {
  const counts: number[] = [];
  for (let workers = 1; workers <= Math.min(most, run.promptsPerStep); workers *= 2) counts.push(workers);
  return counts.map((workers) => stepTime(plan, run, rates, workers));
}

/** Returns the number of workers beyond which another doubling makes a step less than a tenth faster. */
export function usefulWorkers(times: readonly StepTime[]): StepTime {
  const last = times.findIndex(({ step }, i) => step * 0.9 < (times[i + 1]?.step ?? Infinity));
  return required(times[last], 'a number of workers');
}
