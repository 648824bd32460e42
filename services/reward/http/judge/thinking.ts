/** Separates a model's answer from the thinking before it. */

/** How a family of models marks its thinking. */
interface Marks {
  readonly opens: string;
  readonly closes: string;
  /** Whether chat templates write the opening mark, so that the model's text has only the closing one. */
  readonly unopened?: true;
}

const names = '(?:\\w+[:_])?(?:think|thinking|thoughts?|reasoning|reflection|scratchpad|analysis)';
const final =
  '(?:<\\|start\\|>\\s*assistant\\s*)?<\\|channel\\|>\\s*final[^<]*(?:<\\|constrain\\|>[^<]*)?<\\|message\\|>';

/** As in published chat templates. Patterns ignore case. */
const families: readonly Marks[] = [
  // DeepSeek-R1, Qwen3 and most others; <seed:think>, <longcat_think>.
  { opens: `<${names}\\s*>`, closes: `</${names}\\s*>`, unopened: true },
  // Magistral; Kimi.
  { opens: '\\[THINK\\]', closes: '\\[/THINK\\]', unopened: true },
  { opens: '◁think▷', closes: '◁/think▷', unopened: true },
  // Sky-T1, Command A, Apertus, MedGemma.
  { opens: '<\\|begin_of_thought\\|>', closes: '<\\|end_of_thought\\|>', unopened: true },
  { opens: '<\\|START_THINKING\\|>', closes: '<\\|END_THINKING\\|>', unopened: true },
  { opens: '<\\|inner_prefix\\|>', closes: '<\\|inner_suffix\\|>', unopened: true },
  { opens: '<unused94>', closes: '<unused95>' },
  // gpt-oss: every channel except the final one.
  {
    opens: '<\\|channel\\|>\\s*(?!final\\b)\\w[^<]*(?:<\\|constrain\\|>[^<]*)?<\\|message\\|>',
    closes: `<\\|(?:end|call|return)\\|>|${final}`,
  },
  // gpt-oss on servers that drop special tokens.
  { opens: '^\\s*analysis(?=[^]*assistantfinal)', closes: 'assistantfinal' },
  // Granite.
  { opens: "Here(?:'s| is) my thought process:", closes: "Here(?:'s| is) my response:" },
];

/** The group `oN` is the beginning of family N, `cN` its end. */
const mark = new RegExp(
  families.map(({ opens, closes }, n) => `(?<o${n}>${opens})|(?<c${n}>${closes})`).join('|'),
  'gi',
);

/** Marks around an answer, which are not part of it. */
const answerMarks = new RegExp(
  `${final}|<\\|(?:begin|end)_of_solution\\|>|<\\|(?:START|END)_RESPONSE\\|>|<\\|(?:START|END)_TEXT\\|>`,
  'gi',
);

/** A model's text, divided. */
export interface Divided {
  /** The text with line breaks in place of the thinking, so that every character keeps its position. */
  readonly answer: string;
  /** The text before an end of thinking without a beginning: thinking opened by the chat template. */
  readonly unopened: string;
  /** Whether the last thinking has no end, so that no answer follows. */
  readonly unclosed: boolean;
}

/**
 * Divides a text into thinking and answer. If its first mark is an end, the text up to there is thinking, because the chat
 * template may have written the beginning. Further ends without a beginning are text.
 *
 * @example
 * ```ts
 * divide('<think>{"score": 0}?</think>{"score": 7}').answer.trim(); // '{"score": 7}'
 * ```
 */
export function divide(text: string): Divided {
  let answer = '';
  let unopened = '';
  let open: number | undefined;
  const keep = (until: number): void => void (answer += text.slice(answer.length, until));
  const drop = (until: number): void => void (answer += '\n'.repeat(until - answer.length));
  for (const [n, { at, end, family, opens }] of marksOf(text).entries()) {
    if (open === undefined && opens) {
      keep(at);
      open = family;
    } else if (!opens && open === family) {
      drop(end);
      open = undefined;
    } else if (!opens && n === 0 && families[family]?.unopened === true) {
      unopened = text.slice(0, at);
      drop(end);
    }
  }
  if (open === undefined) keep(text.length);
  else drop(text.length);
  return {
    answer: answer.replace(answerMarks, (found) => '\n'.repeat(found.length)),
    unopened,
    unclosed: open !== undefined,
  };
}

/** Whether a text contains an end-of-thinking mark, so that a model quoting it appears to end its own thinking. */
export function endsThinking(text: string): boolean {
  return marksOf(text).some(({ opens }) => !opens);
}

interface Place {
  readonly at: number;
  readonly end: number;
  readonly family: number;
  readonly opens: boolean;
}

function marksOf(text: string): Place[] {
  return [...text.matchAll(mark)].map(({ index, 0: { length }, groups = {} }) => {
    const [group = ''] =
      Object.entries(groups).find(([, matched]) => (matched as string | undefined) !== undefined) ?? [];
    return { at: index, end: index + length, family: Number(group.slice(1)), opens: group.startsWith('o') };
  });
}
