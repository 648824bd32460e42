/**
 * The expected score over the tokens that a judge could have written in place of its score, weighted by their probabilities:
 * Liu et al., "G-Eval: NLG Evaluation using GPT-4 with Better Human Alignment", EMNLP 2023, https://arxiv.org/abs/2303.16634,
 * section 2, "Scoring Function". Pure.
 */
import { NoScore } from '@gapo/reward';
import { z } from '@gapo/service';
import { parsed } from '../protocols/protocol.js';
import type { Grade } from './grade.js';

/** The minimum total probability of the numbers on the scale. */
export const leastMass = 0.5;

/** Servers write minus infinity as -9999, null or a literal. Rounding may give values slightly above 0. */
const logProbability = z
  .custom<number | null>((value) => value === null || (typeof value === 'number' && value < 0.01))
  .transform((value) => value ?? -Infinity);
const candidate = z.looseObject({ token: z.string(), logprob: logProbability });
const tokens = z.looseObject({
  content: z.array(
    z.looseObject({
      token: z.string(),
      bytes: z.array(z.int().min(0).max(255)).nullish(),
      top_logprobs: z.array(candidate),
    }),
  ),
});

type Token = z.output<typeof tokens>['content'][number];

/** A scale whose scores are single tokens. */
export interface DigitScale {
  /** At least 0. */
  readonly minimum: number;
  /** At most 9. */
  readonly maximum: number;
}

/**
 * Returns Σ p(s) s / Σ p(s) over the whole numbers s on the scale that are among a token's alternatives.
 *
 * @param content the text whose tokens are listed in `logprobs`, with or without thinking
 * @throws NoScore if the tokens do not spell the answer, the score is not a single token, or the numbers on the scale have a
 * total probability below {@link leastMass}
 */
export function expectedScore(grade: Grade, content: string, logprobs: unknown, scale: DigitScale): number {
  const list = parsed(tokens, logprobs, 'logprobs with top_logprobs of each token, which scoring: logprobs needs');
  const digit = tokenAt(list.content, content, grade);
  const mass = new Map<number, number>();
  for (const { token, logprob } of digit.top_logprobs) {
    const text = token.trim();
    const score = /^\d$/.test(text) ? Number(text) : NaN;
    if (score >= scale.minimum && score <= scale.maximum) mass.set(score, (mass.get(score) ?? 0) + Math.exp(logprob));
  }
  const total = [...mass.values()].reduce((sum, p) => sum + p, 0);
  if (!(total >= leastMass)) {
    throw new NoScore(
      `the numbers from ${scale.minimum} to ${scale.maximum} have a probability of ${total.toFixed(3)} together; expected at least ${leastMass}`,
    );
  }
  return [...mass].reduce((sum, [score, p]) => sum + score * p, 0) / total;
}

/**
 * Finds the token that is the score's digit. A character may be several tokens, so positions are counted in bytes.
 *
 * @throws NoScore if there is none
 */
function tokenAt(list: readonly Token[], content: string, { digits, start }: Grade): Token {
  if (!/^\d$/.test(digits))
    throw new NoScore(`the judge gave the score ${digits}; expected one digit with scoring: logprobs`);
  const pieces = list.map(({ token, bytes }) => (bytes ? Buffer.from(bytes) : Buffer.from(token)));
  const spelled = Buffer.concat(pieces).lastIndexOf(content);
  let end = 0;
  const wanted = spelled + Buffer.byteLength(content.slice(0, start));
  const found = list[pieces.findIndex(({ length }) => (end += length) > wanted)];
  if (spelled === -1 || found === undefined)
    throw new NoScore("the tokens of logprobs do not spell the judge's answer");
  if (found.token.trim() !== digits) {
    throw new NoScore(`the score ${digits} is part of the token ${JSON.stringify(found.token)}; scoring: logprobs needs a token for each score`); // prettier-ignore
  }
  return found;
}
