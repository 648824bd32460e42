/** rewards.yaml: the reward services that `gapo up` starts. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseYaml, port, word, z, UserError } from '@gapo/service';
import { textForm } from '../textForm.js';
import { pathTarget, variableOf, type PathTarget, type RewardKinds, type Schemas } from './rewardKind.js';
import { rewardKinds } from './rewardKinds.js';

/** The environment variable of the form of text that a reward service asks for. */
export const textVariable = 'REWARD_TEXT';

/** One reward service to start. */
export interface RewardEntry {
  /** The objective's name, by which run configurations refer to the service. */
  readonly name: string;
  readonly kind: string;
  /** The port to listen on; undefined for any. */
  readonly port: number | undefined;
  /** The service's environment: the kind, and a variable per key; paths are absolute. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Builds the schema of rewards.yaml.
 *
 * @throws RangeError if there are no kinds
 */
export function rewardsFileSchema(kinds: RewardKinds = rewardKinds) {
  const [first, ...others] = Object.entries(kinds).map(([kind, { entry }]) =>
    z.object({
      name: word.describe('the objective'),
      kind: z.literal(kind),
      ...entry,
      text: textForm
        .optional()
        .describe('the text that it scores: clean, or raw with special tokens and chat template (default: its own)'),
      port: port.optional().describe('the port to listen on (default: chosen by gapo up)'),
    }),
  );
  if (first === undefined) throw new RangeError('there are no reward kinds: register at least one');
  const forms = Object.entries(kinds).map(
    ([kind, { entry }]) => `{ ${['name', `kind: ${kind}`, ...requiredKeys(entry)].join(', ')} }`,
  );
  return z.object({
    rewards: z
      .array(z.discriminatedUnion('kind', [first, ...others]))
      .min(1)
      .meta({ expected: `a list of reward services, each ${forms.join(' or ')}` }),
  });
}

function requiredKeys(entry: Schemas): string[] {
  return Object.entries(entry).flatMap(([key, schema]) => (schema.safeParse(undefined).success ? [] : [key]));
}

/**
 * Reads rewards.yaml. Its paths are relative to its own directory.
 *
 * @param file absolute
 * @throws UserError or ConfigError if the file is missing or invalid, a name is used twice, or a path does not exist
 */
export function readRewardsFile(file: string, kinds: RewardKinds = rewardKinds): RewardEntry[] {
  if (!existsSync(file)) {
    throw new UserError(`${file} does not exist; give the file of reward services with --rewards FILE`);
  }
  const { rewards } = parseYaml(rewardsFileSchema(kinds), readFileSync(file, 'utf8'), { source: file });
  const names = rewards.map(({ name }) => name);
  const problems: string[] = [];
  const entries = rewards.map(({ name, kind, port, text, ...given }, i): RewardEntry => {
    const values: Record<string, unknown> = given;
    const where = `${file} rewards[${i}]`;
    if (names.indexOf(name) !== i) {
      problems.push(`${where}.name: found "${name}" a second time, expected each objective once`);
    }
    for (const [key, schema] of Object.entries(kinds[kind]?.entry ?? {})) {
      const target = pathTarget(schema);
      if (target === undefined || values[key] === undefined) continue;
      const path = resolve(dirname(file), textOf(values[key]));
      values[key] = path;
      const problem = problemOf(path, target);
      if (problem !== undefined) problems.push(`${where}.${key}: ${problem}, relative to ${dirname(file)}`);
    }
    return {
      name,
      kind,
      port,
      env: { ...rewardEnvironment(kind, [values]), ...(text !== undefined && { [textVariable]: text }) },
    };
  });
  if (problems.length > 0) throw new UserError(problems.join('\n'));
  return entries;
}

function problemOf(path: string, target: PathTarget): string | undefined {
  if ('directoryWith' in target) {
    const { directoryWith: file } = target;
    return existsSync(join(path, file)) ? undefined : `${path} contains no ${file}; give a directory with that file`;
  }
  return existsSync(path) ? undefined : `${path} does not exist; correct the path`;
}

/** Returns the environment of a reward service. The values of several entries are separated by commas. */
export function rewardEnvironment(
  kind: string,
  entries: readonly Readonly<Record<string, unknown>>[],
): Record<string, string> {
  const env: Record<string, string> = { REWARD_KIND: kind };
  for (const key of new Set(entries.flatMap((entry) => Object.keys(entry)))) {
    env[variableOf(key)] = entries.map((entry) => textOf(entry[key])).join(',');
  }
  return env;
}

/** Formats a value for the environment. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}
