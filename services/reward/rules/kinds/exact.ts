/** Whether a completion, or the part extracted by a pattern, is a correct answer: to any prompt, or to its own. */
import { resolve } from 'node:path';
import { type DataFormat, kindOf, readRecords } from '@gapo/data';
import type { ScoreItem } from '@gapo/reward';
import { filePath, nonEmptyText, UserError, z } from '@gapo/service';
import { flags, patternProblem, ruleKind } from './ruleKind.js';
import { folded } from './words.js';

const answersOfOne = z.union([z.string(), z.array(z.string()).min(1)]).meta({ expected: 'a text or a list of texts' });

export const exact = ruleKind({
  name: 'exact',
  measures:
    "1 if the completion is one of the right answers, else 0; with `extract` the pattern's first group is compared",
  keys: {
    /** Correct answers to every prompt. */
    texts: z.array(nonEmptyText).min(1).optional(),
    /** Correct answers by prompt. */
    answers: z.record(z.string(), answersOfOne).meta({ expected: 'a mapping from prompts to answers' }).optional(),
    /** Data files with rows {"prompt", "reference"}; their paths are relative to the file of rules. */
    references: z.array(filePath).min(1).meta({ expected: 'a list of files' }).optional(),
    /** The column of the prompt's record with its correct answer. */
    reference: nonEmptyText.optional(),
    /** A pattern whose first group is the answer within the column; the last match counts. @default the whole column */
    extractReference: nonEmptyText.optional(),
    /** A pattern whose first group is the answer; the last match counts. @default the whole completion */
    extract: nonEmptyText.optional(),
    flags,
    /** Whether case, Unicode composition and whitespace matter. */
    strict: z.boolean().default(false),
  },
  check({ texts, answers, references, reference, extract, extractReference, flags: given }, refuse) {
    if ([texts, answers ?? references, reference].filter((each) => each !== undefined).length !== 1)
      refuse('texts', 'either texts, or reference, or answers and references');
    if (extractReference !== undefined && reference === undefined)
      refuse('extractReference', 'reference, the column that it is for');
    for (const [key, pattern] of Object.entries({ extract, extractReference })) {
      if (pattern === undefined) continue;
      const problem = patternProblem(pattern, given);
      if (problem !== undefined) refuse(key, problem);
      else if (groupCount(pattern, given) < 1) refuse(key, 'a pattern with a group, such as "answer: (.*)"');
    }
  },
  async load({ references, ...rule }, directory) {
    if (references === undefined) return rule;
    const answers = new Map(Object.entries(rule.answers ?? {}));
    const files = references.map((file) => resolve(directory, file));
    await readRecords(files, referenceFormat, ({ prompt, right }) => answers.set(prompt, right));
    return { ...rule, answers: Object.fromEntries(answers) };
  },
  measure({ texts, answers, reference, extract, extractReference, flags: given, strict }) {
    const form = strict ? (answer: string) => answer : (answer: string) => folded(answer).trim().replace(/\s+/gu, ' ');
    const setOf = (right: string | readonly string[]): ReadonlySet<string> => new Set([right].flat().map(form));
    const everywhere = texts && setOf(texts);
    const byPrompt = new Map(Object.entries(answers ?? {}).map(([prompt, right]) => [prompt, setOf(right)]));
    const [answerIn, referenceIn] = [extractor(extract, given), extractor(extractReference, given)];
    const ownOf = (metadata: ScoreItem['metadata']): ReadonlySet<string> | undefined => {
      const own =
        reference !== undefined && Object.hasOwn(metadata, reference)
          ? referenceIn(metadata[reference] ?? '')
          : undefined;
      return own === undefined ? undefined : setOf(own);
    };
    return ({ prompt, completion, metadata }) => {
      const right = everywhere ?? ownOf(metadata) ?? byPrompt.get(prompt);
      if (right === undefined) return Number.NaN;
      const answer = answerIn(completion);
      return answer !== undefined && right.has(form(answer)) ? 1 : 0;
    };
  },
});

/** Returns a function that extracts the first group of a pattern's last match; without a pattern, the whole text. */
function extractor(pattern: string | undefined, given: string): (text: string) => string | undefined {
  if (pattern === undefined) return (text) => text;
  const expression = new RegExp(pattern, `${given}g`);
  return (text) => [...text.matchAll(expression)].at(-1)?.[1];
}

/** Counts a pattern's groups: with an empty alternative it always matches, and a match has one element per group. */
function groupCount(pattern: string, given: string): number {
  return (new RegExp(`${pattern}|`, given).exec('')?.length ?? 1) - 1;
}

/** The correct answers to one prompt. */
interface Reference {
  readonly prompt: string;
  readonly right: z.output<typeof answersOfOne>;
}

const referenceFormat: DataFormat<Reference, Reference> = {
  shape: '{"prompt", "reference"}',
  form: (columns) => {
    const given = columns.take('reference');
    const right = answersOfOne.safeParse(given);
    if (!right.success) throw new UserError(`reference: found ${kindOf(given)}, expected a text or a list of texts`);
    return { prompt: columns.text('prompt'), right: right.data };
  },
  encode: async (references) => references.map((value) => ({ value, truncated: false })),
};
