/** Whether a completion, or what a pattern extracts from it, is a right answer: to any prompt, or to its own. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { filePath, z, UserError } from '@gapo/service';
import { flags, patternProblem, ruleKind, text } from './ruleKind.js';
import { folded } from './words.js';

const answersOfOne = z.union([z.string(), z.array(z.string()).min(1)]);

export const exact = ruleKind({
  name: 'exact',
  measures:
    "1 if the completion is one of the right answers, else 0; with `extract` the pattern's first group is compared",
  keys: {
    /** Right answers to every prompt. */
    texts: z.array(text).min(1).optional(),
    /** Right answers by prompt. */
    answers: z.record(z.string(), answersOfOne).meta({ expected: 'a mapping from prompts to answers' }).optional(),
    /** Files of JSON lines {"prompt", "reference"}; their paths are relative to the file of rules. */
    references: z.array(filePath).min(1).meta({ expected: 'a list of files' }).optional(),
    /** A pattern whose first group is the answer; the last match counts. @default the whole completion */
    extract: text.optional(),
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
    else if (groupCount(extract, given) < 1) refuse('extract', 'a pattern with a group, as "answer: (.*)"');
  },
  async load({ references, ...rule }, directory) {
    if (references === undefined) return rule;
    const answers = new Map(Object.entries(rule.answers ?? {}));
    for (const file of references)
      for (const [prompt, reference] of await readReferences(resolve(directory, file))) answers.set(prompt, reference);
    return { ...rule, answers: Object.fromEntries(answers) };
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

/** How many groups a pattern has: an empty alternative always matches, and a match has an element for each. */
function groupCount(pattern: string, given: string): number {
  return (new RegExp(`${pattern}|`, given).exec('')?.length ?? 1) - 1;
}

const line = z.object({ prompt: z.string(), reference: answersOfOne });

async function readReferences(path: string): Promise<[string, z.output<typeof answersOfOne>][]> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    throw new UserError(`${path}: cannot be read: ${(error as Error).message}`, { cause: error });
  }
  return content.split('\n').flatMap((source, index): [string, z.output<typeof answersOfOne>][] => {
    if (source.trim() === '') return [];
    try {
      const { prompt, reference } = line.parse(JSON.parse(source));
      return [[prompt, reference]];
    } catch (error) {
      const expected = 'expected {"prompt": a text, "reference": a text or a list of texts}';
      throw new UserError(`${path}:${index + 1}: ${expected}`, { cause: error });
    }
  });
}
