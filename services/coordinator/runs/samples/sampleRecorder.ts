/**
 * Stores the completions of a run's steps. They are decoded and written in the background; the next step waits for a write that is late.
 */
import type { SampleLimits } from '@gapo/config';
import type { Tokenizer } from '@gapo/model';
import { at } from '@gapo/numeric';
import { messageOf, toJson, type Sample, type SampleToken } from '@gapo/rpc';
import type { KeptSample, StepSamples } from '../../data/keptSamples.js';
import { mapInTurns } from './inTurns.js';
import type { SampleFiles } from './sampleFiles.js';

/** The longest text that is kept, in characters. */
const longestText = 16_384;

/** Maximum number of tokens kept per completion. */
const mostTokens = 4096;

/** Decimals of a token's log-probability and advantages: enough to read. */
const decimals = 4;

/** Constructor arguments of a {@link SampleRecorder}. */
export interface RecorderOptions {
  readonly runId: string;
  readonly files: Pick<SampleFiles, 'write'>;
  readonly tokens: Pick<Tokenizer, 'decodeAll' | 'piecesOfAll'>;
  readonly limits: SampleLimits;
  readonly log: Readonly<Record<'info' | 'warn', (fields: object, message: string) => void>>;
}

/** Stores completions while a run trains. */
export class SampleRecorder {
  readonly #options: RecorderOptions;
  #writing = Promise.resolve();
  /** Steps whose completions could not be stored since the last success. */
  #lost = 0;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** Stores the completions of a step. Resolves once those of the previous steps are stored or have failed, which is logged. */
  async record(samples: StepSamples): Promise<void> {
    await this.#writing;
    this.#writing = this.#write(samples);
  }

  /** Resolves once everything is stored or has failed. */
  settled(): Promise<void> {
    return this.#writing;
  }

  async #write({ kept, ...step }: StepSamples): Promise<void> {
    const { runId: run, files, tokens, limits, log } = this.#options;
    try {
      const ids = kept.map(({ sample }) => sample.tokenIds);
      const texts = await tokens.decodeAll(ids, { specialTokens: 'omit' });
      const pieces = await tokens.piecesOfAll(ids, mostTokens);
      const decoded = kept.map((each, i) => ({ each, text: at(texts, i), pieces: at(pieces, i) }));
      const samples = await mapInTurns(decoded, ({ each, text }) => sampleOf(step.step, each, text));
      const tokenLists = await mapInTurns(decoded, (one) => tokensOf(one.each, one.pieces));
      await files.write({ ...step, samples, tokens: tokenLists }, limits.keep);
      if (this.#lost > 0) log.info({ run }, `completions are kept again, from step ${step.step} on`);
      this.#lost = 0;
    } catch (error) {
      // Training does not need them.
      const message = `the completions of step ${step.step} were not kept: ${messageOf(error)}; training continues`;
      if (this.#lost++ === 0) log.warn({ run, step: step.step }, message);
    }
  }
}

function sampleOf(
  step: number,
  { sample, promptId, promptText, scores, advantage, preference }: KeptSample,
  text: string,
): Sample {
  const { prompt, sample: number, tokenIds, logprobs, finished } = sample;
  const [shownPrompt, completion] = [cut(promptText), cut(text)];
  const message = toJson('gapo.training.v1.Sample', {
    step,
    promptId,
    prompt,
    sample: number,
    promptText: shownPrompt,
    completion,
    cut: shownPrompt !== promptText || completion !== text,
    finished,
    tokens: tokenIds.length,
    logprob: logprobs.reduce((sum, logprob) => sum + logprob, 0),
    scores: [...scores],
    ...(advantage !== undefined && { advantage }),
    ...(preference && { preference: { ...preference } }),
  });
  return message as Sample;
}

function tokensOf({ sample, tokenAdvantages }: KeptSample, pieces: readonly string[]): SampleToken[] {
  return pieces.map((text, i) => ({
    text,
    logprob: rounded(at(sample.logprobs, i)),
    advantages: tokenAdvantages?.[i]?.map(rounded) ?? [],
  }));
}

function rounded(value: number): number {
  return Number(value.toFixed(decimals));
}

/** Truncates a long text between characters. */
function cut(text: string): string {
  if (text.length <= longestText) return text;
  const last = text.charCodeAt(longestText - 1);
  const isSplit = last >= 0xd800 && last < 0xdc00;
  return text.slice(0, isSplit ? longestText - 1 : longestText);
}
