/** Whether a completion, or the part that a pattern extracts, is a right answer: to any prompt, or to its own. */
import { resolve } from 'node:path';
import { filePath, nonEmptyText, readJsonLines, z } from '@gapo/service';
import { flags, patternProblem, ruleKind } from './ruleKind.js';
import { folded } from './words.js';

const answersOfOne = z.union([z.string(), z.array(z.string()).min(1)]).meta({ expected: 'a text or a list of texts' });

export const exact = ruleKind({
  name: 'exact',
  measures:
    "1 if the completion is one of the right answers, else 0; with `extract` the pattern's first group is compared",
  keys: {
    /** Right answers to every prompt. */
    texts: z.array(nonEmptyText).min(1).optional(),
    /** Right answers by prompt. */
    answers: z.record(z.string(), answersOfOne).meta({ expected: 'a mapping from prompts to answers' }).optional(),
    /** Files of JSON lines {"prompt", "reference"}; their paths are relative to the file of rules. */
    references: z.array(filePath).min(1).meta({ expected: 'a list of files' }).optional(),
    /** A pattern whose first group is the answer; the last match counts. @default the whole completion */
    extract: nonEmptyText.optional(),
    flags,
    /** Whether case, Unicode composition and white space matter. */
    strict: z.boolean().default(false),
  },
  check({ texts, answers, references, extract, flags: given }, refuse) {
    if ([texts, answers ?? references].filter((each) => each !== undefined).length !== 1)
      refuse('texts', 'either texts, or answers and references');
    if (extract === undefined) return;
    const problem = patternProblem(extract, given);
    if (problem !== undefined) refuse('extract', problem);
    else if (groupCount(extract, given) < 1) refuse('extract', 'a pattern with a group, such as "answer: (.*)"');
  },
  async load({ references, ...rule }, directory) {
    if (references === undefined) return rule;
    const { records } = await readJsonLines(
      references.map((file) => resolve(directory, file)),
      {
        shape: '{"prompt", "reference"}',
        schema: line,
        record: ({ prompt, reference }) => [prompt, reference] as const,
      },
    );
    return { ...rule, answers: Object.fromEntries([...Object.entries(rule.answers ?? {}), ...records]) };
  },
  measure({ texts, answers, extract, flags: given, strict }) {
    const form = strict ? (answer: string) => answer : (answer: string) => folded(answer).trim().replace(/\s+/gu, ' ');
    const setOf = (right: string | readonly string[]): ReadonlySet<string> => new Set([right].flat().map(form));
    const everywhere = texts && setOf(texts);
    const byPrompt = new Map(Object.entries(answers ?? {}).map(([prompt, right]) => [prompt, setOf(right)]));
    const expression = extract === undefined ? undefined : new RegExp(extract, `${given}g`);
    return ({ prompt, completion }) => {
      const right = everywhere ?? byPrompt.get(prompt);
      if (right === undefined) return Number.NaN;
      const answer = expression ? [...completion.matchAll(expression)].at(-1)?.[1] : completion;
      return answer !== undefined && right.has(form(answer)) ? 1 : 0;
    };
  },
});

/** Counts a pattern's groups: with an empty alternative it always matches, and a match has one element per group. */
function groupCount(pattern: string, given: string): number {
  return (new RegExp(`${pattern}|`, given).exec('')?.length ?? 1) - 1;
}

const line = z.looseObject({ prompt: z.string(), reference: answersOfOne });
