/** The file that says which reward services `gapo up` starts. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseYaml, filePath, directory, port, word, z, UserError } from '@gapo/service';

/** The key that names what a kind scores with; in capitals, the end of the service's variable, as REWARD_MODEL. */
const sourceKeys = { onnx: 'model', rules: 'rules', http: 'http', oip: 'oip' } as const;

/** One reward service to start. */
export interface RewardEntry {
  /** The objective's name; run configurations name the service by it. */
  name: string;
  /** `onnx`: a classifier in a model directory; `rules`: a file of rules; `http`, `oip`: a file that says who is asked. */
  kind: keyof typeof sourceKeys;
  /** The model directory or the file, absolute. */
  source: string;
  /** The port that it asks for. */
  port: number | undefined;
}

const name = word.describe('the objective');
const schema = z.object({
  rewards: z
    .array(
      z.discriminatedUnion('kind', [
        z.object({ name, kind: z.literal('onnx'), model: directory, port: port.optional() }),
        z.object({ name, kind: z.literal('rules'), rules: filePath, port: port.optional() }),
        z.object({ name, kind: z.literal('http'), http: filePath, port: port.optional() }),
        z.object({ name, kind: z.literal('oip'), oip: filePath, port: port.optional() }),
      ]),
    )
    .min(1)
    .meta({
      expected:
        'a list of reward services, each {name, kind: onnx, model: DIR}, or {name, kind: KIND, KIND: FILE} with the kind rules, http or oip',
    }),
});

/** The environment variables that tell a reward service what it scores with. */
export function rewardEnvironment({ kind, source }: Pick<RewardEntry, 'kind' | 'source'>): Record<string, string> {
  return { REWARD_KIND: kind, [`REWARD_${sourceKeys[kind].toUpperCase()}`]: source };
}

/**
 * Reads the file. Its paths start from its own directory.
 *
 * @param file absolute
 * @throws UserError or ConfigError: where the file is missing or wrong, a name comes twice, or a model is not there
 */
export function readRewardsFile(file: string): RewardEntry[] {
  if (!existsSync(file)) {
    throw new UserError(`${file} does not exist; give the file of reward services with --rewards FILE`);
  }
  const { rewards } = parseYaml(schema, readFileSync(file, 'utf8'), { source: file });
  const entries = rewards.map((entry): RewardEntry => {
    const source = resolve(dirname(file), pathOf(entry));
    return { name: entry.name, kind: entry.kind, source, port: entry.port };
  });
  const problems = entries.flatMap((entry, i) =>
    problemsOf(entry, i, entries).map((text) => `${file} rewards[${i}].${text}`),
  );
  if (problems.length > 0) throw new UserError(problems.join('\n'));
  return entries;
}

function pathOf(entry: z.output<typeof schema>['rewards'][number]): string {
  switch (entry.kind) {
    case 'onnx':
      return entry.model;
    case 'rules':
      return entry.rules;
    case 'http':
      return entry.http;
    case 'oip':
      return entry.oip;
  }
}

function problemsOf(entry: RewardEntry, i: number, entries: readonly RewardEntry[]): string[] {
  const problems: string[] = [];
  if (entries.findIndex((other) => other.name === entry.name) !== i) {
    problems.push(`name: found "${entry.name}" a second time, expected each objective once`);
  }
  if (entry.kind !== 'onnx' && !existsSync(entry.source)) {
    problems.push(
      `${sourceKeys[entry.kind]}: ${entry.source} does not exist; correct the path, it starts from the file's directory`,
    );
  }
  if (entry.kind === 'onnx' && !existsSync(join(entry.source, 'config.json'))) {
    problems.push(
      `model: ${entry.source} holds no config.json; give the directory of a classifier, the path starts from the file's directory`,
    );
  }
  return problems;
}
