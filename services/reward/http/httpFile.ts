/**
 * The YAML file that describes a scorer behind HTTP.
 *
 * ```yaml
 * objective: helpful
 * protocol: openrlhf # or text-classification, chat
 * url: http://127.0.0.1:5000/get_reward
 * ```
 */
import { finiteNumber, nonEmptyText, positiveInt, z } from '@gapo/service';
import { batch, remoteKeys } from '../remote/remoteFile.js';

const common = {
  ...remoteKeys,
  url: z.url({ protocol: /^https?$/ }).meta({ expected: 'a URL that begins with http:// or https://' }),
};

/** The file. */
export const httpFile = z.discriminatedUnion('protocol', [
  z.strictObject({
    ...common,
    /** OpenRLHF's remote reward: { query, prompts, labels } → { rewards }. */
    protocol: z.literal('openrlhf'),
    batch,
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
    })
    .refine(({ minimum, maximum }) => minimum < maximum, { path: ['minimum'], message: 'a number less than maximum' }),
]);

/** The file, with every default filled in. */
export type HttpFile = z.output<typeof httpFile>;
/** The file's keys for one protocol. */
export type ProtocolOptions<P extends HttpFile['protocol']> = Extract<HttpFile, { protocol: P }>;
