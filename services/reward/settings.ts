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
  word,
  z,
} from '@gapo/settings';

const most = 4;

/** The variable that each kind needs. */
const sources = { onnx: 'REWARD_MODEL', rules: 'REWARD_RULES', http: 'REWARD_HTTP' } as const;

const schema = z
  .object({
    LISTEN: hostPort.default('127.0.0.1:50061').describe('Where it listens; port 0 takes a free one.'),
    REWARD_KIND: z
      .enum(['onnx', 'rules', 'http'])
      .meta({ expected: 'onnx (a classifier), rules (a YAML file) or http (somebody else, described by a YAML file)' })
      .describe('What computes the scores.'),
    REWARD_MODEL: directory
      .optional()
      .describe(
        'With REWARD_KIND=onnx: a directory with config.json, model.onnx, tokenizer.json and tokenizer_config.json.',
      ),
    REWARD_RULES: filePath.optional().describe('With REWARD_KIND=rules: the file of rules.'),
    REWARD_HTTP: filePath.optional().describe('With REWARD_KIND=http: the file that says who is asked, and how.'),
    REWARD_TOKEN: z.string().optional().describe('With REWARD_KIND=http: sent as a bearer token.'),
    OBJECTIVE: word.optional().describe("The objective's name, in place of the one that the model or the file states."),
    THREADS: positiveInt
      .default(() => Math.min(availableParallelism(), most))
      .describe('Threads of the classifier within one operator; by default all cores, at most 4.'),
    ITEM_TIMEOUT_MS: milliseconds
      .default(1000)
      .describe('With REWARD_KIND=rules: the longest that one completion may take; it then has no score.'),
    ADDRESS_FILE: filePath.optional().describe('A file that its real address is written to, whole or not at all.'),
  })
  .superRefine((settings, context) => {
    const { REWARD_KIND: kind } = settings;
    const path = sources[kind];
    if (settings[path] !== undefined) return;
    const what = kind === 'onnx' ? "a directory's path" : "a file's path";
    context.addIssue({ code: 'custom', path: [path], message: `${what}, as REWARD_KIND is ${kind}` });
  });

/** The settings of a reward service. */
export type Settings = z.output<typeof schema>;

/** Reads the settings. Throws ConfigError with everything that is wrong. */
export function settings(env: NodeJS.ProcessEnv = process.env): Settings {
  return readSettings(schema, env);
}

/** What `--help` prints. */
export const help = settingsHelp({
  title:
    'A reward service: scores completions for one objective (gapo.reward.v1), with an ONNX classifier, with\nrules, or by asking somebody over HTTP.',
  schema,
  example: `REWARD_KIND=onnx REWARD_MODEL=models/helpful LISTEN=127.0.0.1:50061 \\
  node --import ./services/lib/telemetry/dist/preload.js services/reward/dist/main.js`,
});
