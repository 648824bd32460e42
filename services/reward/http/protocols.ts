/** The requests of each protocol, and the scores in its answers, which are validated before use. */
import { NoScore, type ScoreItem } from '@gapo/reward';
import { z } from '@gapo/service';
import type { HttpFile, ProtocolOptions } from './httpFile.js';

/** A protocol: the request for a batch, and what its answer means. */
export interface Protocol {
  /** The most items of a request. */
  readonly batch: number;
  request(items: readonly ScoreItem[]): unknown;
  /**
   * Returns a score, or why there is none, for each item in order.
   *
   * @throws NoScore if the answer has another form
   */
  read(answer: unknown, count: number): readonly (number | NoScore)[];
}

export function protocolOf(file: HttpFile): Protocol {
  if (file.protocol === 'openrlhf') return openRlhf(file);
  if (file.protocol === 'text-classification') return textClassification(file);
  return chat(file);
}

function parsed<T>(schema: z.ZodType<T>, answer: unknown, form: string): T {
  const { data, success } = schema.safeParse(answer);
  if (!success) throw new NoScore(`the answer is ${JSON.stringify(answer)?.slice(0, 200)}; expected ${form}`);
  return data;
}

function counted<T>(list: readonly T[], count: number, what: string): readonly T[] {
  if (list.length !== count) throw new NoScore(`the answer has ${list.length} ${what} for ${count} items`);
  return list;
}

const rewards = z.object({ rewards: z.array(z.number()) });

/** OpenRLHF's remote reward function: `query` is the prompt and the completion as one text. */
function openRlhf({ batch }: ProtocolOptions<'openrlhf'>): Protocol {
  return {
    batch,
    request: (items) => ({
      query: items.map(({ prompt, completion }) => prompt + completion),
      prompts: items.map(({ prompt }) => prompt),
      labels: items.map(() => ''),
    }),
    read: (answer, count) => counted(parsed(rewards, answer, '{"rewards": [numbers]}').rewards, count, 'rewards'),
  };
}

const prediction = z.object({ label: z.string(), score: z.number() });
/** For each input, the score of each label. */
const predictions = z.array(z.tuple([prediction], prediction));

function textClassification({ batch, label, input }: ProtocolOptions<'text-classification'>): Protocol {
  const scoreOf = (labels: z.output<typeof predictions>[number]): number | NoScore => {
    const [first, second] = labels;
    if (label === undefined && second === undefined) return first.score;
    const names = labels.map((each) => each.label).join(', ');
    if (label === undefined) return new NoScore(`the answer has the labels ${names}: set label to the one to score`);
    const named = labels.find((each) => each.label === label);
    return named?.score ?? new NoScore(`the answer has the labels ${names}, but no ${label}`);
  };
  return {
    batch,
    // raw_scores: logits, whose differences do not vanish near 0 and 1 as those of probabilities do.
    request: (items) => ({
      inputs: items.map(({ prompt, completion }) => (input === 'pair' ? [prompt, completion] : [completion])),
      raw_scores: true,
      truncate: true,
    }),
    read: (answer, count) =>
      counted(parsed(predictions, answer, 'a list of [{"label", "score"}]'), count, 'predictions').map(scoreOf),
  };
}

const choice = z.object({ message: z.object({ content: z.string() }) });
const reply = z.object({ choices: z.tuple([choice], choice) });

/** Instructions that follow every rubric. */
const form = (minimum: number, maximum: number): string =>
  `Answer with one JSON object and nothing else: {"score": a number from ${minimum} to ${maximum}}.`;

/** A judge: one exchange per request, at temperature 0. */
function chat({ model, rubric, minimum, maximum, maxTokens }: ProtocolOptions<'chat'>): Protocol {
  return {
    batch: 1,
    request: (items) => ({
      model,
      temperature: 0,
      seed: 0,
      max_tokens: maxTokens,
      messages: [
        { role: 'system', content: `${rubric}\n\n${form(minimum, maximum)}` },
        ...items.map(({ prompt, completion }) => ({ role: 'user', content: JSON.stringify({ prompt, completion }) })),
      ],
    }),
    read: (answer) => {
      const [first] = parsed(reply, answer, 'chat completions').choices;
      const { content } = first.message;
      const [, number] = /"score"\s*:\s*(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)/.exec(content) ?? [];
      if (number === undefined)
        return [new NoScore(`the judge answered ${JSON.stringify(content.slice(0, 200))}; expected {"score": number}`)];
      const score = Number(number);
      const inside = score >= minimum && score <= maximum;
      return [inside ? score : new NoScore(`the judge gave the score ${score}; expected ${minimum} to ${maximum}`)];
    },
  };
}
