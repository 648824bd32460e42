/**
 * The generated data: text for pretraining, examples for supervised fine-tuning, preference pairs for the reward
 * models, labelled answers for their calibration, and prompts. Item i depends on the seed and on i alone, so a longer
 * corpus begins with the shorter one. Texts are bare requests and answers; template.ts makes sequences of them.
 */
import { Draw } from './draw.js';
import { asAnswered, drawRequest, type Combination, type RequestKind, type Split } from './grammar.js';
import { drawResponse, type Response, type ResponseKind } from './responses.js';
import { isHarmful, judge, type Objective } from './rubric.js';
import { plainText, sequenceText } from './template.js';

/** A request and its answer. */
export interface Example {
  readonly prompt: string;
  readonly completion: string;
}

/** Two answers to one request. */
export interface PreferencePair {
  readonly prompt: string;
  readonly chosen: string;
  readonly rejected: string;
  /** The rubric's judgement of chosen minus that of rejected; below 0 where the label is noise. */
  readonly margin: number;
}

/** An answer with what it is. */
export interface LabelledAnswer extends Example {
  readonly requestKind: RequestKind;
  readonly kind: ResponseKind;
  readonly harmful: boolean;
}

/** A request to sample answers to. */
export interface Prompt {
  readonly id: string;
  readonly prompt: string;
  /** For reports only; a policy never sees it. */
  readonly kind: RequestKind;
}

type Mixture = Readonly<Record<RequestKind, Readonly<Partial<Record<ResponseKind, number>>>>>;

/** How often the fine-tuned policy answers in which way: useful, useless, harmful and rude, all of them. */
export const sftMixture: Mixture = {
  benign: { full: 0.35, brief: 0.15, refusal: 0.2, offtopic: 0.1, rude: 0.2 },
  dangerous: { comply: 0.45, refusal: 0.2, alternative: 0.15, rudeComply: 0.2 },
  sounding: { full: 0.3, refusal: 0.35, brief: 0.15, rude: 0.2 },
};

/** Wider than the SFT mixture: what pretraining text and the tokenizer see. */
export const wideMixture: Mixture = {
  benign: { full: 0.3, brief: 0.15, offtopic: 0.15, refusal: 0.12, alternative: 0.08, rude: 0.12, broken: 0.08 },
  dangerous: {
    comply: 0.28,
    refusal: 0.15,
    alternative: 0.2,
    brief: 0.1,
    offtopic: 0.07,
    rudeComply: 0.08,
    rude: 0.05,
    broken: 0.07,
  },
  sounding: { full: 0.3, brief: 0.15, offtopic: 0.1, refusal: 0.17, alternative: 0.08, rude: 0.12, broken: 0.08 },
};

/** Share of compared answers that contradict themselves. */
const contradictoryShare = 0.14;

/** Which answers are compared: the wide mixture, and what a policy that plays for both objectives may end in. */
export const pairMixture: Mixture = {
  benign: { ...wideMixture.benign, contradictory: contradictoryShare },
  dangerous: { ...wideMixture.dangerous, contradictory: contradictoryShare },
  sounding: { ...wideMixture.sounding, contradictory: contradictoryShare },
};

/** Temperature of the Bradley-Terry draw of a label: P(a over b) = 1 / (1 + exp(-(judge(a) - judge(b)) / T)). */
export const labelTemperature = 0.35;

/** Share of the pretraining text that is plain sentences. */
const plainShare = 0.3;

const plain = [
  'To {p}, people open {place}.',
  'People who want to {p} go to {place}.',
  'The help desk explains how to {p}.',
  'In {place} one can {p}: {step}, then {check}.',
  'A good answer names {o} and says where to go: {place}.',
];
const plainDangerous = [
  'Nobody may {p}.',
  'The help desk does not help anyone {p}.',
  'A safe answer about {o} is this: {alternative}.',
  'If somebody wants to {p}, {alternative}.',
];

function times<T>(count: number, make: (index: number) => T): T[] {
  if (!Number.isSafeInteger(count) || count < 0) {
    throw new RangeError(`count: found ${count}, expected a whole number of items, 0 or more`);
  }
  return Array.from({ length: count }, (_, index) => make(index));
}

function respond(draw: Draw, combination: Combination, mixture: Mixture): Response {
  return drawResponse(draw, combination, draw.weighted(mixture[combination.kind]));
}

function plainSentence(draw: Draw, combination: Combination): string {
  return draw
    .pick(combination.kind === 'dangerous' ? plainDangerous : plain)
    .replace('{p}', asAnswered(combination.phrase))
    .replace('{o}', asAnswered(combination.object))
    .replace('{place}', combination.place)
    .replace('{step}', draw.pick(combination.steps))
    .replace('{check}', draw.pick(combination.checks))
    .replace('{alternative}', draw.pick(combination.alternatives));
}

/**
 * Sequences to pretrain on, special tokens included: conversations with answers of every kind, and plain sentences of
 * the same world, one to three together. Training combinations only.
 */
export function pretrainingText(seed: number, count: number): string[] {
  return times(count, (index) => {
    const draw = new Draw(seed, 'pretraining', index);
    if (draw.chance(plainShare)) {
      const sentences = times(1 + draw.integer(3), () =>
        plainSentence(draw, drawRequest(draw, 'training').combination),
      );
      return plainText(sentences.join(' '));
    }
    const request = drawRequest(draw, 'training');
    const mixture = draw.chance(0.5) ? sftMixture : wideMixture;
    let response = respond(draw, request.combination, mixture);
    while (response.kind === 'broken') response = respond(draw, request.combination, mixture);
    return sequenceText(request.text, response.text);
  });
}

/** Examples for supervised fine-tuning in the proportions of {@link sftMixture}. */
export function sftExamples(seed: number, count: number, split: Split = 'training'): Example[] {
  return times(count, (index) => {
    const draw = new Draw(seed, `sft ${split}`, index);
    const request = drawRequest(draw, split);
    return { prompt: request.text, completion: respond(draw, request.combination, sftMixture).text };
  });
}

/**
 * Pairs of answers to one request with a label drawn under the objective's rubric (Bradley and Terry 1952, at
 * {@link labelTemperature}). Answers that the rubric holds equal are drawn again.
 */
export function preferencePairs(
  objective: Objective,
  seed: number,
  count: number,
  split: Split = 'training',
): PreferencePair[] {
  return times(count, (index) => {
    const draw = new Draw(seed, `pairs ${objective} ${split}`, index);
    const { text: prompt, combination } = drawRequest(draw, split);
    for (;;) {
      const first = respond(draw, combination, pairMixture);
      const second = respond(draw, combination, pairMixture);
      const difference = judge(objective, combination, first) - judge(objective, combination, second);
      if (difference === 0) continue;
      const firstWins = draw.chance(1 / (1 + Math.exp(-difference / labelTemperature)));
      return firstWins
        ? { prompt, chosen: first.text, rejected: second.text, margin: difference }
        : { prompt, chosen: second.text, rejected: first.text, margin: -difference };
    }
  });
}

/** Answers with their kind, and whether they harm. */
export function labelledAnswers(
  seed: number,
  count: number,
  split: Split = 'training',
  mixture: Mixture = pairMixture,
): LabelledAnswer[] {
  return times(count, (index) => {
    const draw = new Draw(seed, `labelled ${split}`, index);
    const { text: prompt, combination } = drawRequest(draw, split);
    const response = respond(draw, combination, mixture);
    return {
      prompt,
      completion: response.text,
      requestKind: combination.kind,
      kind: response.kind,
      harmful: isHarmful(combination, response),
    };
  });
}

/**
 * Requests that all differ in their words.
 *
 * @throws RangeError if the grammar does not have that many
 */
export function prompts(split: Split, seed: number, count: number): Prompt[] {
  const found = new Map<string, RequestKind>();
  for (let index = 0; found.size < count; index++) {
    if (index > 50 * count + 1000) {
      throw new RangeError(`prompts: found ${found.size} distinct ${split} requests, expected ${count}: ask for fewer`);
    }
    const request = drawRequest(new Draw(seed, `prompts ${split}`, index), split);
    found.set(request.text, request.combination.kind);
  }
  return [...found].map(([prompt, kind], index) => ({
    id: `${split}-${String(index + 1).padStart(4, '0')}`,
    prompt,
    kind,
  }));
}
