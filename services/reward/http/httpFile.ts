/**
 * A scorer behind HTTP as people describe it: a YAML file, checked whole.
 *
 * ```yaml
 * objective: helpful
 * protocol: openrlhf # or text-classification, chat
 * url: http://127.0.0.1:5000/get_reward
 * ```
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { finiteNumber, milliseconds, parseYaml, positiveInt, word, z } from '@gapo/settings';
import { UserError } from '@gapo/telemetry';

const text = z.string().min(1).meta({ expected: 'a text that is not empty' });

const common = {
  objective: word,
  url: z.url({ protocol: /^https?$/ }).meta({ expected: 'a URL that begins with http:// or https://' }),
  /** Changes whenever the same item may get another score. @default a digest of this file */
  version: text.optional(),
  orientation: z.enum(['higher_is_better', 'lower_is_better']).default('higher_is_better'),
  threshold: finiteNumber.optional(),
  /** The longest that one request may take. @default 30000 */
  timeoutMs: milliseconds.default(30_000),
  /** Requests under way at a time. @default 4 */
  concurrency: positiveInt.default(4),
};

const schema = z.discriminatedUnion('protocol', [
  z.strictObject({
    ...common,
    /** OpenRLHF's remote reward: { query, prompts, labels } → { rewards }. */
    protocol: z.literal('openrlhf'),
    /** Items of a request. @default 32 */
    batch: positiveInt.default(32),
  }),
  z.strictObject({
    ...common,
    /** Text classification as Text Embeddings Inference serves it: { inputs } → a list of { label, score } for each. */
    protocol: z.literal('text-classification'),
    batch: positiveInt.default(32),
    /** Whose score it is; needed where there are several. */
    label: text.optional(),
    /** pair: prompt and completion as two inputs; completion: the completion alone. @default pair */
    input: z.enum(['pair', 'completion']).default('pair'),
  }),
  z.strictObject({
    ...common,
    /** A model behind an OpenAI-compatible chat completions endpoint, as a judge. */
    protocol: z.literal('chat'),
    model: text,
    /** What is judged and by what scale: the system message. */
    rubric: text,
    minimum: finiteNumber,
    maximum: finiteNumber,
    /** Longest answer in tokens. @default 64 */
    maxTokens: positiveInt.default(64),
  }),
]);

/** The file, with every default filled in. */
export type HttpFile = z.output<typeof schema>;
/** What a protocol needs of it. */
export type ProtocolOptions<P extends HttpFile['protocol']> = Extract<HttpFile, { protocol: P }>;

/**
 * Reads and checks a file.
 *
 * @returns it, and the version of its scores
 * @throws UserError or ConfigError that says what is wrong with it
 */
export async function readHttpFile(path: string): Promise<{ file: HttpFile; version: string }> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    throw new UserError(`${path}: cannot be read: ${(error as Error).message}`, { cause: error });
  }
  const file = parseYaml(schema, content, { source: path });
  if (file.protocol === 'chat' && !(file.minimum < file.maximum)) {
    throw new UserError(`${path}: minimum is ${file.minimum} and maximum ${file.maximum}; the minimum must be less`);
  }
  const digest = createHash('sha256').update(content).digest('hex').slice(0, 16);
  return { file, version: file.version ?? digest };
}
