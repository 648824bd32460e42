/**
 * The YAML file that describes a scorer behind HTTP.
 *
 * ```yaml
 * objective: helpful
 * protocol: openrlhf # or text-classification, chat
 * url: http://127.0.0.1:5000/get_reward
 * tokenEnv: HELPFUL_TOKEN
 * ```
 */
import { filePath, finiteNumber, nonEmptyText, positiveInt, z } from '@gapo/service';
import { batch, remoteKeys } from '../../remote/remoteFile.js';

/** A header's name, by RFC 9110. Those of the connection and the body belong to the client. */
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

/** The column of the prompts that has a right answer, which is sent with the item. @default none */
const reference = nonEmptyText.optional();

/** Keys of the request's body; null leaves out one that the protocol sends. */
function parameters(...reserved: string[]) {
  return z
    .record(nonEmptyText, z.json())
    .refine((keys) => !reserved.some((key) => Object.hasOwn(keys, key)))
    .meta({ expected: `a mapping without ${reserved.join(', ')}` })
    .default({});
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
    parameters: parameters('inputs'),
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
      /** Longest answer in tokens. @default 64 */
      maxTokens: positiveInt.default(64),
      /** Who says the rubric: user for a model without a system role. @default system */
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
