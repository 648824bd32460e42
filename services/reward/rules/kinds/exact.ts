/** Whether a completion, or what a pattern takes from it, is one of the right answers: those of every prompt, or of its own. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { filePath, z, UserError } from '@gapo/service';
import { common, flags, patternProblem, ruleKind, text } from './ruleKind.js';
import { folded } from './words.js';

const answersOfOne = z.union([z.string(), z.array(z.string()).min(1)]);

const schema = z
  .object({
    kind: z.literal('exact'),
    /** Right whatever the prompt is. */
    texts: z.array(text).min(1).optional(),
    /** Right answers by prompt. */
    answers: z.record(z.string(), answersOfOne).meta({ expected: 'a mapping from prompts to answers' }).optional(),
    /** Files of JSON lines {"prompt", "reference"}; their paths start at the file of rules. */
    references: z.array(filePath).min(1).meta({ expected: 'a list of files' }).optional(),
    /** A pattern whose first group is the answer, at the last place where it matches. @default the whole completion */
    extract: text.optional(),
    flags,
    /** Whether case, composition and white space tell answers apart. */
    strict: z.boolean().default(false),
    ...common,
  })
  .superRefine(({ texts, answers, references, extract, flags: given }, context) => {
    const says = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
    if ([texts, answers ?? references].filter((each) => each !== undefined).length !== 1)
      says('texts', 'either texts, or answers and references');
    const problem = extract === undefined ? undefined : patternProblem(extract, given);
    if (problem !== undefined) says('extract', problem);
    else if (extract !== undefined && new RegExp(`${extract}|`, given).exec('')!.length < 2)
      says('extract', 'a pattern with a group, as "answer: (.*)"');
  });

export const exact = ruleKind({
  schema,
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
