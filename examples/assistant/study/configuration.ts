/** The example's configuration with the study's changes, and the identity of its runs. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseYaml, writeAtomicallySync, z } from '@gapo/service';
import type { Condition, ExampleFile, TrainedMethod } from './methods.js';
import { exampleDirectory, StudyError } from './settings.js';

/** A run of the study. */
export interface PlannedRun {
  /** A function of the configuration, the models and the prompts. */
  id: string;
  configuration: Record<string, unknown>;
}

const schema = z.looseObject({
  steps: z.int().min(1),
  policy: z.looseObject({ model: z.string() }),
  data: z.looseObject({ prompts: z.string(), heldOut: z.string() }),
  objectives: z.array(z.looseObject({ name: z.string() })),
  ppo: z.looseObject({}),
});

/** A configuration of the example, with absolute paths, because the study's configurations are elsewhere. */
export function exampleConfiguration(file: ExampleFile): z.infer<typeof schema> {
  const inside = (path: string): string => join(exampleDirectory, path);
  const config = parseYaml(schema, readFileSync(inside(file), 'utf8'), { source: file });
  const { policy, data } = config;
  return {
    ...config,
    policy: { ...policy, model: inside(policy.model) },
    data: { ...data, prompts: inside(data.prompts), heldOut: inside(data.heldOut) },
  };
}

/**
 * Writes the prompts of the kind that a condition trains on, and returns the part of a configuration that names them; empty
 * if it trains on all.
 *
 * @param folder where to write them
 * @throws StudyError if the example has no prompt of that kind
 */
export function promptsOf({ example, prompts: kind }: Condition, folder: string): Record<string, unknown> {
  if (kind === undefined) return {};
  const { data } = exampleConfiguration(example);
  const lines = readFileSync(data.prompts, 'utf8').split('\n').filter(Boolean);
  const own = lines.filter((line) => (JSON.parse(line) as { kind: string }).kind === kind);
  if (own.length === 0) throw new StudyError(`${data.prompts} has no prompt of the kind "${kind}"`);
  const path = join(folder, `prompts-${kind}.jsonl`);
  mkdirSync(folder, { recursive: true });
  writeAtomicallySync(path, `${own.join('\n')}\n`);
  return { data: { ...data, prompts: path } };
}

/** The folders whose files the runs of a configuration depend on. */
const twoObjectives = ['models/policy', 'models/helpful', 'models/harmless', 'prompts'];
const sourceFolders: Readonly<Record<ExampleFile, readonly string[]>> = {
  'run.yaml': twoObjectives,
  'four.yaml': [...twoObjectives, 'rules'],
};

/** SHA-256 (hex) of the models, rules and prompts of a configuration: a change invalidates earlier results. */
export function sourcesSha256(file: ExampleFile): string {
  const hash = createHash('sha256');
  for (const folder of sourceFolders[file]) {
    for (const name of readdirSync(join(exampleDirectory, folder)).sort()) {
      hash.update(`${folder}/${name}\0`).update(readFileSync(join(exampleDirectory, folder, name)));
    }
  }
  return hash.digest('hex');
}

/** Returns an id from the content of a value. */
export function contentId(key: string, seed: number, content: unknown): string {
  const sha = createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 8);
  return `study-${key}-s${seed}-${sha}`;
}

/**
 * Returns the run of a method under a condition; `promptsOf` gives its data if that trains on some of the prompts. Equal runs
 * of several conditions are one.
 */
export function plannedRun(
  { key, changes, ppo }: TrainedMethod,
  { example: file, whitened, helpful, prompts, divergence }: Condition,
  seed: number,
  steps: number,
  sources: string,
): PlannedRun {
  const example = exampleConfiguration(file);
  const configuration = {
    ...example,
    name: `study-${key}`,
    seed,
    steps,
    checkpoints: { every: Math.max(1, Math.ceil(steps / 3)), keep: 1 },
    evaluation: { temperature: 1, samplesPerPrompt: 1, seed },
    ppo: { ...example.ppo, normalizeAdvantages: whitened, ...ppo },
    kl: { ...(example['kl'] as object), in: divergence },
    objectives: example.objectives.map((objective) =>
      objective.name === 'helpful' ? { ...objective, ...helpful } : objective,
    ),
    ...changes,
  };
  return {
    id: contentId(key, seed, { configuration: { ...configuration, policy: null, data: prompts ?? null }, sources }),
    configuration,
  };
}
