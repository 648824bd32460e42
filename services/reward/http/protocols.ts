/** How scores are asked for and read in each protocol. Requests and answers are checked, never trusted. */
import { NoScore, type ScoreItem } from '@gapo/reward';
import { z } from '@gapo/service';
import type { HttpFile, ProtocolOptions } from './httpFile.js';

/** A protocol: the request for a batch, and what its answer means. */
export interface Protocol {
  /** Items of a request at the most. */
  readonly batch: number;
  request(items: readonly ScoreItem[]): unknown;
  /**
   * A number or a reason for each item, in order.
   * @throws NoScore where the answer has another form
   */
  read(answer: unknown, count: number): readonly (number | NoScore)[];
}

/** The protocol that a file asks for. */
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
  if (list.length !== count) throw new NoScore(`${list.length} ${what} came back for ${count} items`);
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

const predictions = z.array(z.array(z.object({ label: z.string(), score: z.number() })).min(1));

function textClassification({ batch, label, input }: ProtocolOptions<'text-classification'>): Protocol {
  const scoreOf = (labels: z.output<typeof predictions>[number]): number | NoScore => {
    const [first, second] = labels;
    if (label === undefined && second === undefined) return first!.score;
    const names = labels.map((each) => each.label).join(', ');
    if (label === undefined) return new NoScore(`the answer has the labels ${names}: say which is the score`);
    return labels.find((each) => each.label === label)?.score ?? new NoScore(`the answer has ${names}, no ${label}`);
  };
  return {
    batch,
    // raw_scores: logits, of which differences mean something at every level.
    request: (items) => ({
      inputs: items.map(({ prompt, completion }) => (input === 'pair' ? [prompt, completion] : [completion])),
      raw_scores: true,
      truncate: true,
    }),
    read: (answer, count) =>
      counted(parsed(predictions, answer, 'a list of [{"label", "score"}]'), count, 'predictions').map(scoreOf),
  };
}

const reply = z.object({ choices: z.array(z.object({ message: z.object({ content: z.string() }) })).min(1) });

/** What every judge is told beside the rubric. */
const form = (minimum: number, maximum: number): string =>
  `Answer with one JSON object and nothing else: {"score": a number from ${minimum} to ${maximum}}.`;

/** A judge: one exchange a request, at temperature 0. */
function chat({ model, rubric, minimum, maximum, maxTokens }: ProtocolOptions<'chat'>): Protocol {
  return {
    batch: 1,
    request: ([item]) => ({
      model,
      temperature: 0,
      seed: 0,
      max_tokens: maxTokens,
      messages: [
        { role: 'system', content: `${rubric}\n\n${form(minimum, maximum)}` },
        { role: 'user', content: JSON.stringify({ prompt: item!.prompt, completion: item!.completion }) },
      ],
    }),
    read: (answer) => {
      const { content } = parsed(reply, answer, 'chat completions').choices[0]!.message;
      const [, number] = /"score"\s*:\s*(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)/.exec(content) ?? [];
      if (number === undefined)
        return [new NoScore(`the judge said ${JSON.stringify(content.slice(0, 200))}, no score`)];
      const score = Number(number);
      const inside = score >= minimum && score <= maximum;
      return [inside ? score : new NoScore(`the judge said ${score}, expected ${minimum} to ${maximum}`)];
    },
  };
}
