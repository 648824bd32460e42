/** A set of evaluated policies, the content of front.json. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, toJson, type EvaluationReport, type Interval, type Run } from '@gapo/rpc';
import { z, UserError } from '@gapo/service';

const estimate = z.object({
  mean: z.number(),
  /** Ends of the 95 % interval; null if unknown. */
  low: z.number().nullable(),
  high: z.number().nullable(),
});

const numbers = z.record(z.string(), z.number());

const policySchema = z.object({
  /** The id of its run. */
  run: z.string(),
  /** Its group, such as P-GAPO or Rewarded Soups. */
  group: z.string(),
  /** A short label for plots, such as `0.3/0.7`. */
  label: z.string(),
  /** The preference for which it was trained or averaged, by objective; null if it has none. */
  preference: numbers.nullable(),
  /** The weights of the averaged runs, by id; null if it was trained. */
  ingredients: numbers.nullable(),
  /** Mean rewards on the held-out prompts, by objective. */
  rewards: z.record(z.string(), estimate),
});

const schema = z.object({
  name: z.string(),
  /** When it was created, RFC 3339. */
  created: z.string(),
  /** The names of the objectives, in the order of tables and axes. */
  objectives: z.array(z.string()).min(1),
  /** Number of held-out prompts of each evaluation. */
  prompts: z.int(),
  /** Mean rewards of the common starting policy; null if they have none in common. */
  start: z.record(z.string(), estimate).nullable(),
  policies: z.array(policySchema),
});

/** A mean with its 95 % interval. */
export type Estimate = z.infer<typeof estimate>;
/** One policy of a front. */
export type FrontPolicy = z.infer<typeof policySchema>;
/** A set of policies. */
export type Front = z.infer<typeof schema>;

/** A policy before its evaluation. */
export type Member = Omit<FrontPolicy, 'rewards'>;

function estimateOf(interval: Interval | null, run: string, objective: string): Estimate {
  const estimate = interval && toJson('gapo.training.v1.Interval', interval);
  if (estimate === null || estimate.mean === null) {
    throw new UserError(
      `the evaluation of ${run} has no mean reward for ${objective}: evaluate it with \`gapo eval ${run}\` and check its reward service`,
    );
  }
  return { ...estimate, mean: estimate.mean };
}

/**
 * Creates a front from evaluations.
 *
 * @param objectives names in the order to show them
 * @throws UserError if there are no policies, or one has not been evaluated on the objectives
 */
export function frontOf(
  name: string,
  created: Date,
  objectives: readonly string[],
  evaluated: readonly { member: Member; report: EvaluationReport }[],
): Front {
  const means = (run: string, report: EvaluationReport, when: 'before' | 'after'): Record<string, Estimate> =>
    Object.fromEntries(
      objectives.map((objective) => {
        const found = report.objectives.find((each) => each.name === objective);
        if (found === undefined) {
          throw new UserError(
            `run ${run} has no objective ${objective}: only runs with the same objectives can be compared`,
          );
        }
        return [objective, estimateOf(found[when], run, objective)];
      }),
    );
  const [first] = evaluated;
  if (first === undefined) throw new UserError('there is no policy to compare: give at least one run');
  const starts = evaluated.map(({ member, report }) => means(member.run, report, 'before'));
  const common = starts.every((start) => JSON.stringify(start) === JSON.stringify(starts[0]));
  return {
    name,
    created: created.toISOString(),
    objectives: [...objectives],
    prompts: first.report.prompts,
    start: common ? (starts[0] ?? null) : null,
    policies: evaluated.map(({ member, report }) => ({ ...member, rewards: means(member.run, report, 'after') })),
  };
}

/** Describes a run in a comparison of arbitrary runs. */
export function memberOf(run: Run): Member {
  const { id, method, objectives, preference, ingredients } = run;
  const averaged = Object.keys(ingredients).length > 0;
  const preferred = Object.keys(preference).length > 0;
  const vector = objectives.map((name) => String(Number((preference[name] ?? NaN).toPrecision(3)))).join('/');
  return {
    run: id,
    group: averaged ? 'average' : method,
    label: averaged || !preferred ? id : vector,
    preference: preferred && !averaged ? { ...preference } : null,
    ingredients: averaged ? { ...ingredients } : null,
  };
}

/** Returns the directory of a new front, such as DATA/fronts/assistant-20250131-120000. */
export function newFrontDirectory(dataDirectory: string, name: string, created: Date): string {
  const stamp = created.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  return join(dataDirectory, 'fronts', `${name}-${stamp}`);
}

/** Returns the path of the newest front; undefined if there is none. */
export function newestFront(dataDirectory: string): string | undefined {
  const root = join(dataDirectory, 'fronts');
  if (!existsSync(root)) return undefined;
  const files = readdirSync(root)
    .map((entry) => join(root, entry, 'front.json'))
    .filter((path) => existsSync(path))
    .map((path) => ({ path, at: statSync(path).mtimeMs }));
  return files.sort((a, b) => b.at - a.at)[0]?.path;
}

/**
 * Reads a front.
 *
 * @throws UserError if the file is not a front
 */
export function readFront(path: string): Front {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const why = messageOf(error);
    throw new UserError(`${path} cannot be read as a front (${why}); give a front.json that \`gapo front\` wrote`, {
      cause: error,
    });
  }
  const parsed = schema.safeParse(value);
  const [issue] = parsed.error?.issues ?? [];
  if (!parsed.success) {
    const where = issue === undefined ? '' : ` at ${issue.path.join('.')}: ${issue.message}`;
    throw new UserError(`${path} is not a front${where}; give a front.json that \`gapo front\` wrote`);
  }
  const { objectives, policies } = parsed.data;
  for (const { run, rewards } of policies) {
    const missing = objectives.find((name) => !Object.hasOwn(rewards, name));
    if (missing !== undefined) throw new UserError(`${path}: policy ${run} has no reward for ${missing}`);
  }
  return parsed.data;
}
