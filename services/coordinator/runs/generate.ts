/** Completions of given prompts by a version of a run's policy. */
import { at, deriveSeed } from '@gapo/numeric';
import { RpcError, type GenerateCompletionsResponseInput } from '@gapo/rpc';
import { splitEvenly } from '../data/batch.js';
import { versionOf } from '../state/trainingState.js';
import { encodingOptions } from '../step/context/conditioning.js';
import { policyRef, type TrainingContext } from '../step/context/trainingContext.js';
import { sampleShards } from '../workers/rollouts.js';
import type { Platform } from './platform.js';
import type { Run } from './run.js';
import { statedPreference, type StatedPreference } from './statedPreference.js';

/** What to generate. */
export interface GenerationRequest {
  /** The version that samples; undefined: the newest. */
  readonly version?: number | undefined;
  /** Turns of the user. */
  readonly prompts: readonly string[];
  /** 0 means 1. */
  readonly samplesPerPrompt: number;
  /** Shares by objective. Empty: the configured preference. */
  readonly preference: Readonly<Record<string, number>>;
  /** Undefined: the temperature of the run's evaluations. */
  readonly temperature?: number | undefined;
  readonly seed: number;
}

const mostPrompts = 256;
const mostSamples = 64;
/** Maximum number of completions in one response, which is a single message. */
const mostCompletions = 1024;
const promptsPerShard = 16;

/**
 * Samples completions of prompts.
 *
 * @throws RpcError INVALID_ARGUMENT for a request that is wrong, NOT_FOUND for a version that no longer exists, FAILED_PRECONDITION for
 * a preference if the run's policy takes none
 */
export async function generateCompletions(
  run: Run,
  platform: Platform,
  request: GenerationRequest,
  signal: AbortSignal,
): Promise<GenerateCompletionsResponseInput> {
  const samplesPerPrompt = request.samplesPerPrompt === 0 ? 1 : request.samplesPerPrompt;
  check({ ...request, samplesPerPrompt });
  const held = await run.hold();
  try {
    const { loop, key } = held;
    const { context: training, state } = loop;
    const version = request.version ?? versionOf(state);
    const stated = statedPreference(run, request.preference, state.step);
    const promptIds = await encoded(training, request.prompts, stated);
    const unpin = await loop.pin(version);
    try {
      const { maxNewTokens, stop, batch } = run.config.rollout;
      const temperature = request.temperature ?? run.config.evaluation.temperature;
      const shards = sampleShards(
        platform.rollout,
        {
          policy: policyRef(training, key, version),
          prompts: promptIds.map((tokenIds, counter) => ({ tokenIds, counter })),
          bounds: splitEvenly(promptIds.length, Math.ceil(promptIds.length / promptsPerShard)),
          sampling: { temperature, samplesPerPrompt, maxNewTokens, stop, batch },
          seed: deriveSeed(request.seed, 'generation'),
          step: 0,
          vocabulary: training.model.vocabulary,
          label: `completions of version ${version}`,
        },
        signal,
        () => undefined,
      );
      const samples = (await Promise.all(shards)).flat();
      const texts = await training.tokens.decodeAll(
        samples.map(({ tokenIds }) => tokenIds),
        { specialTokens: 'omit' },
      );
      return {
        version,
        preference: { ...stated?.preference },
        completions: samples.map(({ prompt, sample, finished, tokenIds }, i) => {
          return { prompt, sample, text: at(texts, i), finished, tokens: tokenIds.length };
        }),
      };
    } finally {
      unpin();
    }
  } finally {
    held.release();
  }
}

function check({ prompts, samplesPerPrompt, temperature }: GenerationRequest): void {
  const problems = [
    ...(prompts.length === 0 || prompts.length > mostPrompts
      ? [`prompts: found ${prompts.length}, expected 1 to ${mostPrompts}`]
      : []),
    ...prompts.flatMap((prompt, i) => (prompt === '' ? [`prompts[${i}]: found nothing, expected a text`] : [])),
    ...(samplesPerPrompt > mostSamples
      ? [`samples_per_prompt: found ${samplesPerPrompt}, expected at most ${mostSamples}`]
      : []),
    ...(prompts.length * samplesPerPrompt > mostCompletions
      ? [`prompts: ${prompts.length * samplesPerPrompt} completions in all, expected at most ${mostCompletions}`]
      : []),
    ...(temperature !== undefined && !(temperature >= 0 && Number.isFinite(temperature))
      ? [`temperature: found ${temperature}, expected a finite number of at least 0`]
      : []),
  ];
  if (problems.length > 0) throw new RpcError('INVALID_ARGUMENT', problems.join('; '));
}

/** @throws RpcError INVALID_ARGUMENT for a prompt that does not fit the model's context */
async function encoded(
  { conditioning, config, model, tokens }: TrainingContext,
  prompts: readonly string[],
  stated: StatedPreference | undefined,
): Promise<readonly (readonly number[])[]> {
  const records = prompts.map((content, i) => {
    return { id: String(i + 1), whole: content, turns: [{ role: 'user' as const, content }] };
  });
  const results =
    conditioning && stated
      ? await conditioning.encode(
          records,
          records.map(() => stated.levels),
        )
      : await tokens.encodePrompts(
          records.map(({ whole: text, turns }) => ({ text, turns })),
          encodingOptions(config, model),
        );
  return results.map((result, i) => {
    if (typeof result !== 'string') return result;
    throw new RpcError('INVALID_ARGUMENT', `prompts[${i}]: ${result}`);
  });
}
