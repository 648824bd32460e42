/** The environment variables of a reward service. */
import { availableParallelism } from 'node:os';
import {
  directory,
  filePath,
  hostPort,
  milliseconds,
  positiveInt,
  readSettings,
  settingsHelp,
  stopGraceSeconds,
  word,
  z,
} from '@gapo/service';

const most = 4;

/** The variable that each kind needs. */
const sources = { onnx: 'REWARD_MODEL', rules: 'REWARD_RULES', http: 'REWARD_HTTP', oip: 'REWARD_OIP' } as const;

const schema = z
  .object({
    LISTEN: hostPort
      .default('127.0.0.1:50061')
      .describe(
        'Where it listens; port 0 takes a free one. Of several classifiers each has the port after the one before.',
      ),
    REWARD_KIND: z
      .enum(['onnx', 'rules', 'http', 'oip'])
      .meta({
        expected:
          'onnx (a classifier), rules (a YAML file), http or oip (somebody else over HTTP or the Open Inference Protocol, described by a YAML file)',
      })
      .describe('What computes the scores.'),
    REWARD_MODEL: z
      .array(directory)
      .optional()
      .describe(
        'With REWARD_KIND=onnx: a directory with config.json, model.onnx, tokenizer.json and tokenizer_config.json; or several, separated by commas.',
      )
      .meta({ expected: "directories' paths" }),
    REWARD_RULES: filePath.optional().describe('With REWARD_KIND=rules: the file of rules.'),
    REWARD_HTTP: filePath.optional().describe('With REWARD_KIND=http: the file that says who is asked, and how.'),
    REWARD_OIP: filePath
      .optional()
      .describe('With REWARD_KIND=oip: the file that says which model of an inference server is asked, and how.'),
    REWARD_TOKEN: z.string().optional().describe('With REWARD_KIND=http or oip: sent as a bearer token.'),
    OBJECTIVE: z
      .array(word)
      .optional()
      .describe(
        "The objective's name, in place of the one that the model or the file states; of several classifiers one for each, separated by commas.",
      )
      .meta({ expected: 'words of at most 63 letters, digits, "-" and "_"' }),
    THREADS: positiveInt
      .default(() => Math.min(availableParallelism(), most))
      .describe('Threads of the classifier within one operator; by default all cores, at most 4.'),
    DEVICE: z
      .enum(['cpu', 'cuda'])
      .default('cpu')
      .describe('With REWARD_KIND=onnx: the execution provider of the tensor runtime.')
      .meta({ expected: 'cpu or cuda' }),
    LATENCY_BOUND_MS: milliseconds
      .default(1000)
      .describe(
        'With REWARD_KIND=onnx: the latency of a call that it aims at while no more than half busy; a run of the model takes no more than a quarter of it.',
      ),
    BATCH_WAIT_MS: z
      .int()
      .min(0)
      .default(5)
      .describe(
        'With REWARD_KIND=onnx: the longest that a call waits for others to share a run with while nothing runs.',
      )
      .meta({ expected: 'milliseconds, an integer of at least 0' }),
    QUEUE_ITEMS: positiveInt
      .default(4096)
      .describe('With REWARD_KIND=onnx: items that wait or run before further calls are refused.'),
    ITEM_TIMEOUT_MS: milliseconds
      .default(1000)
      .describe('With REWARD_KIND=rules: the longest that one completion may take; it then has no score.'),
    ADDRESS_FILE: filePath.optional().describe('A file that its real address is written to, whole or not at all.'),
    STOP_GRACE_SECONDS: stopGraceSeconds,
  })
  .superRefine((settings, context): void => {
    const { REWARD_KIND: kind, REWARD_MODEL: models, OBJECTIVE: objectives } = settings;
    const refuse = (path: keyof typeof settings, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message });
    const path = sources[kind];
    if (settings[path] === undefined) {
      const what = kind === 'onnx' ? "a directory's path" : "a file's path";
      return refuse(path, `${what}, as REWARD_KIND is ${kind}`);
    }
    const count = kind === 'onnx' ? (models?.length ?? 0) : 1;
    if (objectives !== undefined && objectives.length !== count) {
      refuse('OBJECTIVE', count === 1 ? 'one objective' : `${count} objectives, one for each of REWARD_MODEL`);
    }
  });

/** The settings of a reward service. */
export type Settings = z.output<typeof schema>;

/** Reads the settings. Throws ConfigError with everything that is wrong. */
export function settings(env: NodeJS.ProcessEnv = process.env): Settings {
  return readSettings(schema, env);
}

/** The address `k` ports after one; where that is port 0, any free one. */
export function portAfter(address: string, k: number): string {
  const colon = address.lastIndexOf(':');
  const port = Number(address.slice(colon + 1));
  return port === 0 ? address : `${address.slice(0, colon)}:${port + k}`;
}

/** What `--help` prints. */
export const help = settingsHelp({
  title:
    'A reward service: scores completions for one objective (gapo.reward.v1), with an ONNX classifier, with\nrules, or by asking somebody over HTTP or the Open Inference Protocol.',
  schema,
  example: `REWARD_KIND=onnx REWARD_MODEL=models/helpful LISTEN=127.0.0.1:50061 \\
  node --import ./services/lib/tracing/dist/preload.js services/reward/dist/main.js`,
});
