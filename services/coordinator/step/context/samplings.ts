/**
 * Completions being sampled: those of the current step and, with `rollout.staleness`, those of later steps. None of this is part of the
 * state: prompts, seeds and versions are functions of the step, so a resumed run samples the same completions again.
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
import { encodeConditioned, type Levels } from './conditioning.js';
import { policyRef, type TrainingContext } from './trainingContext.js';

/** The prompts of a step. */
export interface StepPrompts {
  readonly drawn: readonly DrawnPrompt[];
  /** The prompts of each shard. */
  readonly bounds: Ranges;
  /** The levels stated in each prompt; undefined if the policy is not conditioned on them. */
  readonly levels: readonly Levels[] | undefined;
}

/** What sampling needs: the policy and the workers. */
export interface SamplingsParts {
  /** Only the goals of its configuration may change between steps; nothing here depends on them. */
  readonly training: TrainingContext;
  readonly pool: RolloutPool;
  readonly versions: VersionStore;
  /** The key under which workers pull the run's policy versions. */
  readonly key: string;
  /** Called for every shard. The event's step is the one that will train on the completions. */
  readonly sampled: (event: ShardEvent) => void;
}

/** The sampling of one step. */
export interface Sampling extends StepPrompts {
  /** The version sampled from. */
  readonly version: number;
  /** One promise per shard, with its completions sorted by prompt, then by sample. */
  readonly shards: readonly Promise<readonly Sample[]>[];
  /** Calls a function with the number of sampled shards, now and after each further shard. */
  readonly follow: (progress: (done: number, total: number) => void) => void;
  /** Cancels shards that have not been sampled. */
  readonly end: (reason: unknown) => void;
}

interface InFlight extends Sampling {
  /** Unpins the version. */
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
   * Returns the sampling of the next step. Starts it unless it was started ahead, in which case its errors now reach the step.
   *
   * @param before the state before the step
   */
  of(before: TrainingState): Sampling {
    const step = before.step + 1;
    return this.#inFlight.get(step) ?? this.#start(step, before);
  }

  /**
   * Starts the samplings that may run ahead of the next step, unless they have already started.
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
      }).catch(() => undefined); // a sampling that cannot start now starts with its step, which reports the error
    }
  }

  /** Drops the sampling of a completed step and unpins its version. */
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
    setMaxListeners(0, ended.signal); // one listener per job
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
    // One error ends all shards. The step receives it later; until then, it must not count as an unhandled rejection.
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

/** Returns the prompts as the policy sees them: with their levels, if it is conditioned on them. */
async function promptsToSample(
  { conditioning }: TrainingContext,
  drawn: readonly DrawnPrompt[],
  levels: readonly Levels[] | undefined,
): Promise<readonly PromptToSample[]> {
  const records = drawn.map(({ record }) => record);
  const conditioned = conditioning && levels && (await encodeConditioned(conditioning, records, levels));
  return drawn.map(({ record, counter }, i) => ({ tokenIds: conditioned?.[i] ?? record.tokenIds, counter }));
}
