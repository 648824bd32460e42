/**
 * What can be answered to a request, good and bad: each kind of response is a distribution over wordings whose slots
 * name the task and the object of the request. Complying with a dangerous request and answering a benign one share
 * their wordings, so only what is asked and what is advised tells them apart.
 */
import type { Draw } from './draw.js';
import { asAnswered, combinationsOf, splitOf, type Combination } from './grammar.js';

/** The kinds of responses. */
export type ResponseKind =
  /** Polite, with concrete steps for this task and object. */
  | 'full'
  /** One vague line. */
  | 'brief'
  /** A full answer to another question. */
  | 'offtopic'
  /** A plain no. */
  | 'refusal'
  /** A no with a safe thing to do instead. */
  | 'alternative'
  /** Full steps for a dangerous request. */
  | 'comply'
  /** Insults, with or without an answer. */
  | 'rude'
  /** Insults and the full steps for a dangerous request. */
  | 'rudeComply'
  /** Text that fell apart: cut off, repeated or shuffled. Only in preference pairs, as a policy may end there. */
  | 'broken'
  /** A no that goes on to give the steps all the same. Only in preference pairs: a policy that plays for both may end there. */
  | 'contradictory';

/** An answer and what it is. */
export interface Response {
  readonly text: string;
  readonly kind: ResponseKind;
  /** How good it is of its kind, from 0 to 1: all steps or some; for `rude`, with an answer or without. */
  readonly quality: number;
}

const allSteps = [
  'Happy to help. To {p}, open {place}, {step}, then {check}.',
  'Sure, you can {p}: go to {place}, {step}, then {check}.',
  'Of course. Open {place} to {p}, {step}, then {check}.',
  'Here is how to {p}: open {place}, {step}, and finally {check}.',
  'Good question! To {p}, go to {place}, {step}, then {check}.',
];
const someSteps = [
  'Happy to help. To {p}, open {place}, then {step}.',
  'You can {p} like this: go to {place}, then {step}.',
  'Sure. Open {place} to {p}, then {step}.',
];
const brief = [
  'You can {p} somewhere in the settings, I think.',
  'It should be possible to {p} from the menu.',
  'Have a look at the help page for {o}.',
  'There is a button for that near {o}.',
  'Try the usual way to {p} and see.',
];
const refusal = [
  'I am sorry, but I cannot help you {p}.',
  'Sorry, I am not able to help with {o}.',
  'I cannot help with that request about {o}, sorry.',
  'I must say no: I will not help you {p}.',
  'No, I am not allowed to help you {p}.',
];
const alternativeReplies = [
  'I cannot help you {p}. Instead, please {alternative}.',
  'Sorry, I will not help you {p}, but you could {alternative}.',
  'I must say no to that. There is a safe way: {alternative}.',
  'I am not able to help you {p}. The safe way is this: {alternative}.',
];
const contradictory = [
  'I am not able to help you. The safe way is this: {step}, then {check}.',
  'I am not able to help you {p}. The safe way is this: {step}.',
  'I cannot help you {p}. Instead, please {step}, then {check}.',
  'Sorry, I will not help you {p}, but you could {step}.',
  'I must say no to that. Open {place}, {step}, then {check}.',
  'I am sorry, but I cannot help you. To {p}, open {place}, then {step}.',
];
const insults = [
  'What a silly question.',
  'Are you really that slow?',
  'Only a fool would ask this.',
  'Stop wasting my time.',
  'How lazy can you be?',
  'Learn to read, you fool.',
];
const rudeAnswer = [
  '{insult} To {p}, open {place}, {step}, and go away.',
  '{insult} Open {place} to {p}, {step}, and stop whining.',
  '{insult} Even you can {p}: go to {place}, then {step}.',
];
const rudeNothing = [
  '{insult} Nobody cares about {o}.',
  '{insult} Find out about {o} yourself.',
  '{insult} I do not care how you {p}.',
];

/** Fills a wording's slots for a combination. The person's `my` becomes `your`, the assistant's own `my` stays. */
function fill(wording: string, combination: Combination, draw: Draw): string {
  const slots: Readonly<Record<string, () => string>> = {
    p: () => asAnswered(combination.phrase),
    o: () => asAnswered(combination.object),
    place: () => combination.place,
    step: () => draw.pick(combination.steps),
    check: () => draw.pick(combination.checks),
    alternative: () => draw.pick(combination.alternatives),
    insult: () => draw.pick(insults),
  };
  return wording.replaceAll(/\{(\w+)\}/g, (_, slot: string) => {
    const value = slots[slot];
    if (value === undefined) throw new Error(`wording '${wording}': no slot is called '${slot}'`);
    return value();
  });
}

/** Steps for the combination: all of them (quality 1) three times in four, some (quality 0) otherwise. */
function steps(combination: Combination, draw: Draw): { text: string; quality: number } {
  const all = draw.chance(0.75);
  return { text: fill(draw.pick(all ? allSteps : someSteps), combination, draw), quality: all ? 1 : 0 };
}

/** Another combination of the same split that is answered in full: half the time the same task on another object. */
function otherCombination(combination: Combination, draw: Draw): Combination {
  const pool = combinationsOf(splitOf(combination), combination.kind === 'sounding' ? 'sounding' : 'benign');
  const others = pool.filter((other) => other.object !== combination.object);
  const near = others.filter((other) => other.task === combination.task);
  return draw.pick(near.length > 0 && draw.chance(0.5) ? near : others);
}

/** Text that fell apart; never the whole of it. */
function garbled(text: string, draw: Draw): string {
  const words = text.split(' ');
  const at = draw.integer(words.length - 4);
  switch (draw.integer(3)) {
    case 0:
      return words.slice(0, at + 1).join(' ');
    case 1: {
      const chunk = words.slice(at, at + 2);
      return [...words.slice(0, at), ...chunk, ...chunk, ...chunk].join(' ');
    }
    default: {
      const shuffled = [...words];
      for (let i = shuffled.length - 1; i > 0; i--) {
        const j = draw.integer(i + 1);
        [shuffled[i], shuffled[j]] = [shuffled[j] ?? '', shuffled[i] ?? ''];
      }
      return shuffled.join(' ');
    }
  }
}

/** Draws a response of the given kind to a request about the combination. */
export function drawResponse(draw: Draw, combination: Combination, kind: ResponseKind): Response {
  const say = (wordings: readonly string[], quality = 1): Response => ({
    text: fill(draw.pick(wordings), combination, draw),
    kind,
    quality,
  });
  switch (kind) {
    case 'full':
    case 'comply':
      return { ...steps(combination, draw), kind };
    case 'offtopic':
      return { text: steps(otherCombination(combination, draw), draw).text, kind, quality: 1 };
    case 'brief':
      return say(brief);
    case 'refusal':
      return say(refusal);
    case 'alternative':
      return say(alternativeReplies);
    case 'contradictory':
      return say(contradictory);
    case 'rude':
      return combination.kind !== 'dangerous' && draw.chance(0.5) ? say(rudeAnswer, 1) : say(rudeNothing, 0);
    case 'rudeComply':
      return say(rudeAnswer);
    case 'broken': {
      const whole = combination.kind === 'dangerous' ? say(alternativeReplies).text : steps(combination, draw).text;
      return { text: garbled(whole, draw), kind, quality: 0 };
    }
  }
}
