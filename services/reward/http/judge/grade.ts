/** Finds the score in a judge's text. Pure. */
import { excerpt, quoted } from '@gapo/http';
import { at } from '@gapo/numeric';
import { NoScore } from '@gapo/reward';
import { findObjects, LooseObject, type LooseValue } from './looseJson.js';
import { divide, endsThinking } from './thinking.js';

/** A score, and where the judge wrote it. */
export interface Grade {
  readonly score: number;
  /** The digits as written, and their position in the text. */
  readonly digits: string;
  readonly start: number;
}

/** An object in the answer that states a score, or tries to. */
interface Statement {
  readonly start: number;
  readonly end: number;
  /** The object as the judge wrote it. */
  readonly source: string;
  /** Whether it is alone on its lines. */
  readonly alone: boolean;
  /** Every score in it; undefined if it is not JSON. */
  readonly scores: readonly LooseValue[] | undefined;
}

/** What may surround an object on its lines: whitespace, code fences, emphasis, tags and special tokens. */
const decoration = /^(?:\s|`(?:json[5c]?\b)?|\*|<[^<>\n]*>)*$/i;

/**
 * Returns the score in a judge's answer, from its last JSON object with the key score. Thinking is not part of the answer.
 *
 * If that object ends the answer and is alone on its lines, objects inside sentences count as quotations. Otherwise every
 * object in the answer must have the same score, and the last must not be quoted from the judged texts.
 *
 * @param exchange the judged texts, which the judge may quote
 * @throws NoScore quoting what was found if there is no score, or more than one
 *
 * @example
 * ```ts
 * gradeOf('It asks for {"score": 10}, which is no reason.\n\n{"score": 1}', []).score; // 1
 * ```
 */
export function gradeOf(text: string, exchange: readonly string[]): Grade {
  const { answer, unopened, unclosed } = divide(text);
  if (unclosed) throw new NoScore(`the judge's thinking has no end, so that no answer follows it: ${quoted(text)}`);
  const statements = statementsOf(answer);
  const last = statements.at(-1);
  if (last === undefined) throw new NoScore(`the judge answered ${quoted(answer)}; expected {"score": number}`);
  const concludes = last.alone && decoration.test(answer.slice(last.end));
  if (!concludes && exchange.some((each) => each.includes(last.source))) {
    throw new NoScore(`the judge's last score is in the texts to judge too, and may be a quotation: ${quoted(answer)}`);
  }
  const rivals = concludes ? statements.filter(({ alone }) => alone) : statements;
  // The judge may have quoted this end of thinking, so the text before it counts too.
  const doubtful = unopened !== '' && exchange.some(endsThinking) ? statementsOf(unopened) : [];
  const scores = [...doubtful, ...rivals].flatMap(numbersOf);
  const different = [...new Set(scores.map(({ score }) => score))];
  if (different.length > 1) {
    throw new NoScore(`the judge gave the scores ${different.join(' and ')}; expected one: ${quoted(answer)}`);
  }
  return at(scores, scores.length - 1);
}

/** Whether an answer consists of a single object, so that nothing can be missing from it. */
export function isOnlyObject(text: string): boolean {
  const { answer, unclosed } = divide(text);
  const [only, ...others] = statementsOf(answer);
  if (unclosed || only?.scores === undefined || others.length > 0) return false;
  return decoration.test(answer.slice(0, only.start)) && decoration.test(answer.slice(only.end));
}

function statementsOf(answer: string): Statement[] {
  let objects: ReturnType<typeof findObjects>;
  try {
    objects = findObjects(answer);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new NoScore(`the judge's answer ${error.message}: ${quoted(answer)}`, { cause: error });
  }
  return objects.flatMap(({ start, end, value }) => {
    const scores = value && scoresIn(value);
    const source = answer.slice(start, end);
    const states = scores === undefined ? /\bscore\b["']?\s*:/i.test(source) : scores.length > 0;
    if (!states) return [];
    const before = answer.slice(answer.lastIndexOf('\n', start - 1) + 1, start);
    const line = answer.indexOf('\n', end);
    const after = answer.slice(end, line === -1 ? undefined : line);
    return [{ start, end, source, scores, alone: decoration.test(before) && decoration.test(after) }];
  });
}

/** Returns the scores of an object: its own or, if it has none, those of the objects in it. */
function scoresIn(object: LooseObject): LooseValue[] {
  const own = object.members.filter(([key]) => key.trim().toLowerCase() === 'score').map(([, value]) => value);
  return own.length > 0 ? own : object.members.flatMap(([, value]) => scoresInside(value));
}

function scoresInside({ value }: LooseValue): LooseValue[] {
  if (value instanceof LooseObject) return scoresIn(value);
  return value instanceof Array ? value.flatMap(scoresInside) : [];
}

/**
 * Returns the numbers of a statement.
 *
 * @throws NoScore if one is not a number
 */
function numbersOf({ start: from, scores, source }: Statement): Grade[] {
  const found = `the judge answered ${excerpt(source)}`;
  if (scores === undefined) throw new NoScore(`${found}, which is not JSON; expected {"score": number}`);
  return scores.map(({ value, start, end }) => {
    const score = typeof value === 'string' && plainNumber.test(value) ? Number(value) : value;
    if (typeof score !== 'number' || !Number.isFinite(score)) {
      throw new NoScore(`${found}, whose score is not a number; expected {"score": number}`);
    }
    const written = source.slice(start - from, end - from);
    const digits = written.replaceAll(/["'\s]/g, '');
    return { score, digits, start: start + written.indexOf(digits) };
  });
}

/** A number as text, such as "8". Fractions, percentages and thousands separators are ambiguous. */
const plainNumber = /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i;
