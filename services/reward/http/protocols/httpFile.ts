/**
 * The YAML file that describes a scorer behind HTTP.
 *
 * ```yaml
 * objective: helpful
 * protocol: openrlhf # or text-classification, vllm-classify, vllm-pooling, vllm-score, sglang-classify, chat
 * url: http://127.0.0.1:5000/get_reward
 * tokenEnv: HELPFUL_TOKEN
 * ```
 */
import { filePath, finiteNumber, nonEmptyText, positiveInt, z } from '@gapo/service';
import { boundKeys, columnKeys } from '../../remote/activation.js';
import { batch, remoteKeys } from '../../remote/remoteFile.js';
import { tokenizerEncoding } from './encodingFile.js';

/** A header's name, as in RFC 9110. Connection and body headers belong to the client. */
const header = z
  .string()
  .regex(/^(?!(?:host|connection|content-length|content-type|transfer-encoding|upgrade|expect|te|trailer)$)[!#$%&'*+.^_`|~0-9a-z-]+$/i)
  .meta({ expected: 'a header other than those of the connection and the body' }); // prettier-ignore

/** A header's value, with ${NAME} for the value of an environment variable. */
const headerValue = z
  .string()
  .regex(/^[ -~]*$/)
  .meta({ expected: 'printable ASCII' });

const common = {
  ...remoteKeys,
  url: z.url({ protocol: /^https?$/ }).meta({ expected: 'a URL that begins with http:// or https://' }),
  /** Certificates (PEM) of the authorities to trust. @default those of Node.js */
  ca: filePath.optional(),
  /** Sent with every request. @default none */
  headers: z.record(header, headerValue).default({}),
};

/** The column of the prompts with a correct answer, which is sent with the item. @default none */
const reference = nonEmptyText.optional();

/** Keys of the request's body; null omits one that the protocol sends. */
function parameters(...reserved: string[]) {
  return z
    .record(nonEmptyText, z.json())
    .refine((keys) => !reserved.some((key) => Object.hasOwn(keys, key)))
    .meta({ expected: `a mapping without ${reserved.join(', ')}` })
    .default({});
}

/** A classifier whose numbers are requested without the server's activation. */
const classifier = { ...common, ...columnKeys, ...boundKeys };

/** vLLM's name of the model; required if the server has several. */
const model = nonEmptyText.optional();

/** How a classifier behind vLLM gets its input. */
const vllmInput = {
  model,
  /** server: the server renders the conversation in its chat template, one per request; otherwise it is encoded here. */
  encoding: z.union([z.literal('server'), tokenizerEncoding]).meta({
    expected: 'server, or a mapping of tokenizer and maxTokens',
  }),
  /** @default 32; 1 with encoding: server */
  batch: positiveInt.optional(),
};

/** Reserved keys of a vLLM request. Truncation would cut off special tokens. */
const ofVllm = ['input', 'messages', 'use_activation', 'truncate_prompt_tokens'];

/** @throws a problem with the file if its options contradict each other */
function checkClassifier(
  file: {
    readonly encoding?: unknown;
    readonly batch?: number | undefined;
    readonly minimum?: number | undefined;
    readonly maximum?: number | undefined;
  },
  context: z.RefinementCtx,
): void {
  const refuse = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
  const { minimum = -Infinity, maximum = Infinity } = file;
  if (minimum >= maximum) refuse('minimum', 'a number less than maximum');
  if (file.encoding === 'server' && (file.batch ?? 1) > 1)
    refuse('batch', '1, because with encoding: server a request has one conversation');
}

/** The file. */
export const httpFile = z.discriminatedUnion('protocol', [
  z.strictObject({
    ...common,
    /** OpenRLHF's remote reward: { query, prompts, labels } → { rewards }. */
    protocol: z.literal('openrlhf'),
    batch,
    reference,
    parameters: parameters('query', 'prompts'),
  }),
  z.strictObject({
    ...common,
    /** Text classification as Text Embeddings Inference serves it: { inputs } → a list of { label, score } per input. */
    protocol: z.literal('text-classification'),
    batch,
    /** The label whose score is used; required if there are several. */
    label: nonEmptyText.optional(),
    /** pair: prompt and completion as two inputs; completion: the completion alone. @default pair */
    input: z.enum(['pair', 'completion']).default('pair'),
    /** The end at which the server truncates an item that is too long; none: it rejects the item. @default none */
    truncate: z.enum(['left', 'right', 'none']).default('none'),
    parameters: parameters('inputs'),
  }),
  z
    .strictObject({
      ...classifier,
      ...vllmInput,
      /** vLLM's /classify: a sequence classifier's numbers, one for each label. */
      protocol: z.literal('vllm-classify'),
      parameters: parameters(...ofVllm),
    })
    .superRefine(checkClassifier),
  z
    .strictObject({
      ...classifier,
      ...vllmInput,
      /** vLLM's /pooling: the same, or the last token's numbers for a model with numbers per token. */
      protocol: z.literal('vllm-pooling'),
      /**
       * classify: numbers for the sequence; token_classify: numbers for each token, of which the last token's are used. @default
       * classify
       */
      task: z.enum(['classify', 'token_classify']).default('classify'),
      parameters: parameters(...ofVllm, 'task', 'encoding_format'),
    })
    .superRefine(checkClassifier),
  z
    .strictObject({
      ...common,
      ...boundKeys,
      /** vLLM's /score: a cross-encoder's number for prompt and completion, as two texts. */
      protocol: z.literal('vllm-score'),
      model,
      batch,
      activation: z.enum(['raw', 'sigmoid']).default('raw'),
      parameters: parameters('text_1', 'text_2', 'queries', 'documents', 'data_1', 'data_2', 'items', 'use_activation'),
    })
    .superRefine(checkClassifier),
  z
    .strictObject({
      ...classifier,
      /** SGLang's /classify: a sequence classifier's numbers, one for each label. */
      protocol: z.literal('sglang-classify'),
      encoding: tokenizerEncoding,
      batch,
      parameters: parameters('text', 'input_ids'),
    })
    .superRefine(checkClassifier)
    .refine(({ url }) => !/\/v1\/classify\/?$/.test(URL.canParse(url) ? new URL(url).pathname : ''), {
      path: ['url'],
      message:
        'the address of /classify: /v1/classify answers with probabilities, which are 1 for a model of one label',
    }),
  z
    .strictObject({
      ...common,
      /** A model behind an OpenAI-compatible chat completions endpoint, as a judge. */
      protocol: z.literal('chat'),
      model: nonEmptyText,
      /** What to judge, on which scale: the system message. */
      rubric: nonEmptyText,
      minimum: finiteNumber,
      maximum: finiteNumber,
      /** Maximum length of the answer in tokens. @default 64 */
      maxTokens: positiveInt.default(64),
      /** The role of the rubric: user for a model without a system role. @default system */
      instructions: z.enum(['system', 'user']).default('system'),
      /** json_schema: the endpoint restricts the answer to the form {"score": number}. @default text */
      format: z.enum(['text', 'json_schema']).default('text'),
      /** text: the number that the judge writes; logprobs: its expectation over the alternatives. @default text */
      scoring: z.enum(['text', 'logprobs']).default('text'),
      reference,
      parameters: parameters('model', 'messages', 'stream', 'n', 'response_format', 'logprobs', 'top_logprobs'),
    })
    .refine(({ minimum, maximum }) => minimum < maximum, { path: ['minimum'], message: 'a number less than maximum' })
    .refine(
      ({ scoring, minimum, maximum }) =>
        scoring === 'text' || [minimum, maximum].every((bound) => /^\d$/.test(`${bound}`)),
      {
        path: ['scoring'],
        message: 'text, unless minimum and maximum are whole numbers from 0 to 9, which are one token each',
      },
    ),
]);

/** The file, with every default filled in. */
export type HttpFile = z.output<typeof httpFile>;
/** The file's keys for one protocol. */
export type ProtocolOptions<P extends HttpFile['protocol']> = Extract<HttpFile, { protocol: P }>;
