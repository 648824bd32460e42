/** A model behind an OpenAI-compatible chat completions endpoint, as a judge: one exchange per request. */
import { quoted } from '@gapo/http';
import { NoScore, type ScoreItem } from '@gapo/reward';
import type { ProtocolOptions } from '../protocols/httpFile.js';
import { withReference, withParameters, type Protocol } from '../protocols/protocol.js';
import { completionIn } from './content.js';
import { expectedScore } from './expectedScore.js';
import { gradeOf, isOnlyObject } from './grade.js';
import { messagesFor, textsOf } from './prompt.js';

/** Alternatives per token: as many as OpenAI and vLLM return. */
const alternatives = 20;

type Judge = ProtocolOptions<'chat'>;

export function chat(file: Judge): Protocol {
  const { rubric, instructions, minimum, maximum, scoring, reference } = file;
  const kind = scoring === 'logprobs' ? 'whole number' : 'number';
  const form = `Answer with one JSON object and nothing else: {"score": a ${kind} from ${minimum} to ${maximum}}.`;
  const settings = settingsOf(file);
  const referenceOf = ({ metadata }: ScoreItem) => (reference === undefined ? undefined : metadata[reference]);
  return {
    batch: 1,
    request: (items) => ({
      ...settings,
      messages: items.flatMap((item) => messagesFor({ rubric, form, instructions }, item, referenceOf(item))),
    }),
    prepare: (item) => withReference(item, reference),
    read: (answer, items) => {
      const { text, cutOff, logprobs } = completionIn(answer);
      if (cutOff && !isOnlyObject(text)) {
        throw new NoScore(`the judge's answer was cut off at ${limitOf(settings)}: ${quoted(text)}`);
      }
      if (text.trim() === '') throw new NoScore('the judge gave an empty answer; expected {"score": number}');
      const grade = gradeOf(text, items.flatMap((item) => [...textsOf(item), referenceOf(item) ?? ''])); // prettier-ignore
      if (grade.score < minimum || grade.score > maximum)
        throw new NoScore(`the judge gave the score ${grade.digits}; expected ${minimum} to ${maximum}`);
      return [scoring === 'logprobs' ? expectedScore(grade, text, logprobs, { minimum, maximum }) : grade.score];
    },
    hint: (refusal) => hints.find(({ says, sent }) => says.test(refusal) && sent(settings, file))?.hint,
  };
}

type Settings = Readonly<Record<string, unknown>>;

/** Everything in a request except its messages. */
function settingsOf({ model, maxTokens, format, scoring, parameters }: Judge): Settings {
  const own = {
    model,
    temperature: 0,
    seed: 0,
    max_tokens: maxTokens,
    ...(format === 'json_schema' && { response_format: responseFormat(scoring) }),
    ...(scoring === 'logprobs' && { logprobs: true, top_logprobs: alternatives }),
  };
  // Endpoints reject requests with both limits.
  const renamed = (parameters['max_completion_tokens'] ?? null) !== null;
  return withParameters(own, renamed ? { ...parameters, max_tokens: null } : parameters);
}

/** Structured outputs as OpenAI defines them, which vLLM and SGLang follow. The scale is checked here, not by the schema. */
function responseFormat(scoring: Judge['scoring']): Settings {
  const score = { type: scoring === 'logprobs' ? 'integer' : 'number' };
  const schema = { type: 'object', properties: { score }, required: ['score'], additionalProperties: false };
  return { type: 'json_schema', json_schema: { name: 'grade', strict: true, schema } };
}

function limitOf({ max_tokens: tokens, max_completion_tokens: completionTokens }: Settings): string {
  if (typeof completionTokens === 'number') return `max_completion_tokens ${completionTokens}`;
  return typeof tokens === 'number' ? `maxTokens ${tokens}` : "the server's longest length";
}

/** What to change in the file if an endpoint rejects a request and names one of its keys. */
const hints: readonly {
  readonly says: RegExp;
  readonly sent: (settings: Settings, file: Judge) => boolean;
  readonly hint: string;
}[] = [
  {
    says: /response_format|json_schema|guided|structured/i,
    sent: (settings) => 'response_format' in settings,
    hint: 'set format: text if the endpoint has no structured outputs',
  },
  {
    says: /logprob/i,
    sent: (settings) => 'logprobs' in settings,
    hint: 'set scoring: text if the endpoint gives no logprobs',
  },
  {
    says: /max_completion_tokens|max_tokens/,
    sent: (settings) => 'max_tokens' in settings,
    hint: 'set parameters: { max_completion_tokens: number } in place of maxTokens',
  },
  {
    says: /temperature/,
    sent: (settings) => 'temperature' in settings,
    hint: 'leave it out with parameters: { temperature: null }',
  },
  { says: /seed/, sent: (settings) => 'seed' in settings, hint: 'leave it out with parameters: { seed: null }' },
  {
    says: /system/i,
    sent: (_, { instructions }) => instructions === 'system',
    hint: 'set instructions: user for a model without a system role',
  },
];
