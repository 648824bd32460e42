/**
 * The completions of steps while they are sampled: those of the step that trains, and with `rollout.staleness` those of the steps after
 * it. Nothing of them is part of the state: their prompts, seeds and versions are functions of the step, so a run that resumes samples
 * the same completions again.
 */
import { setMaxListeners } from 'node:events';
import { deriveSeed } from '@gapo/numeric';
import { RpcError, type ShardEvent } from '@gapo/rpc';
import { drawPrompts, type DrawnPrompt } from '@gapo/run-data';
import { attributeNames, spanNames, withSpan } from '@gapo/tracing';
import { splitEvenly, type Ranges, type Sample } from '../../data/batch.js';
import { sampledVersion, stepsInFlight } from '../../state/samplingSchedule.js';
import type { TrainingState } from '../../state/trainingState.js';
import type { VersionStore } from '../../state/versions.js';
import { sampleShards, type PromptToSample, type RolloutPool } from '../../workers/rollouts.js';
import { encodeTold, type Levels } from './conditioning.js';
import { policyRef, type TrainingContext } from './trainingContext.js';

/** The prompts of a step. */
export interface StepPrompts {
  readonly drawn: readonly DrawnPrompt[];
  /** The prompts of each shard. */
  readonly bounds: Ranges;
  /** The levels that the policy is told with each prompt; undefined if it is told none. */
  readonly levels: readonly Levels[] | undefined;
}

/** What completions are sampled from, and by. */
export interface SamplingsParts {
  /** Only the goals of its configuration may change between steps; nothing here depends on them. */
  readonly training: TrainingContext;
  readonly pool: RolloutPool;
  readonly versions: VersionStore;
  /** The key under which workers pull the run's policy versions. */
  readonly key: string;
  /** Observes every shard. Its step is the one that the completions are for. */
  readonly sampled: (event: ShardEvent) => void;
}

/** The sampling of one step. */
export interface Sampling extends StepPrompts {
  /** The version that samples. */
  readonly version: number;
  /** One promise per shard, with its completions sorted by prompt, then by sample. */
  readonly shards: readonly Promise<readonly Sample[]>[];
  /** Calls a function with the number of shards that have been sampled: now, and after each further one. */
  readonly follow: (progress: (done: number, total: number) => void) => void;
  /** Cancels what has not been sampled. */
  readonly end: (reason: unknown) => void;
}

interface InFlight extends Sampling {
  /** Lets go of the version. */
  readonly release: () => void;
}

/** The samplings of one run between its start or resumption and its next stop. */
export class Samplings {
  readonly #parts: SamplingsParts;
  readonly #inFlight = new Map<number, InFlight>();

  constructor(parts: SamplingsParts) {
    this.#parts = parts;
  }

  /**
   * Returns the sampling of the step that begins. It starts now, unless it was started ahead: the step then also receives its errors.
   *
   * @param before the state before the step
   */
  of(before: TrainingState): Sampling {
    const step = before.step + 1;
    return this.#inFlight.get(step) ?? this.#start(step, before);
  }

  /**
   * Starts the samplings that may run ahead of the step that begins, unless they have started.
   *
   * @param before the state before the step
   */
  ahead(before: TrainingState): void {
    const { config } = this.#parts.training;
    for (const step of stepsInFlight(config, before.step + 1)) {
      if (this.#inFlight.has(step)) continue;
      const attributes = {
        [attributeNames.step]: step,
        [attributeNames.policyVersion]: sampledVersion(config, step),
      };
      withSpan(spanNames.sampleAhead, attributes, async () => {
        await Promise.allSettled(this.#start(step, before).shards);
      }).catch(() => undefined); // what cannot start now starts with its step, which reports the error
    }
  }

  /** Lets go of the sampling of a step that was taken, and of its version. */
  taken(step: number): void {
    this.#inFlight.get(step)?.release();
    this.#inFlight.delete(step);
  }

  /** Cancels every sampling. */
  end(): void {
    for (const [step, sampling] of this.#inFlight) {
      sampling.end(new RpcError('CANCELLED', `the run stopped before step ${step}`));
      this.taken(step);
    }
  }

  #start(step: number, before: TrainingState): Sampling {
    const { training, pool, versions, key, sampled } = this.#parts;
    const { config } = training;
    const { drawn, bounds, levels } = promptsOf(training, before, step);
    const { promptsPerStep: _prompts, shards: _shards, maxLogprobGap: _gap, staleness: _ahead, score: _score, ...sampling } = config.rollout; // prettier-ignore
    const version = sampledVersion(config, step);
    const release = versions.keep(version);
    const ended = new AbortController();
    setMaxListeners(0, ended.signal); // every job listens
    let [done, report] = [0, (): void => undefined];
    const shards = sampleShards(
      pool,
      {
        policy: policyRef(training, key, version),
        prompts: promptsToSample(training, drawn, levels),
        bounds,
        sampling,
        seed: deriveSeed(config.seed, 'rollout'),
        step,
        vocabulary: training.model.vocabulary,
        label: `step ${step}`,
      },
      ended.signal,
      (shard, { value, seconds, worker, slowness }) => {
        const tokens = value.reduce((total, { tokenIds }) => total + tokenIds.length, 0);
        sampled({ step, shard, version, sequences: value.length, tokens, seconds, worker, slowness });
        done += 1;
        report();
      },
    );
    const started: InFlight = {
      drawn,
      bounds,
      levels,
      version,
      shards,
      release,
      follow: (progress) => {
        report = () => progress(done, bounds.length);
        report();
      },
      end: (reason) => ended.abort(reason),
    };
    // One error ends all. Its step receives it; until then, that is no unhandled rejection.
    for (const shard of shards) shard.catch((error: unknown) => ended.abort(error));
    this.#inFlight.set(step, started);
    return started;
  }
}

/** Returns the prompts of a step. Each draws the same number, so those of later steps are known. */
function promptsOf(
  { config, prompts, conditioning }: TrainingContext,
  before: TrainingState,
  step: number,
): StepPrompts {
  const { promptsPerStep, shards } = config.rollout;
  const position = before.position + (step - before.step - 1) * promptsPerStep;
  const drawn = drawPrompts(prompts, config.seed, position, promptsPerStep);
  return { drawn, bounds: splitEvenly(drawn.length, shards), levels: conditioning?.draw(step, drawn) };
}

/** Returns the prompts as the policy gets them: with their levels, if it is told them. */
async function promptsToSample(
  { conditioning }: TrainingContext,
  drawn: readonly DrawnPrompt[],
  levels: readonly Levels[] | undefined,
): Promise<readonly PromptToSample[]> {
  const records = drawn.map(({ record }) => record);
  const told = conditioning && levels && (await encodeTold(conditioning, records, levels));
  return drawn.map(({ record, counter }, i) => ({ tokenIds: told?.[i] ?? record.tokenIds, counter }));
}
