/** For the tests of this package: a model directory, prompts, reward services and a coordinator, all real, on free ports. */
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { connectEvents, type EventBus } from '@gapo/events';
import { randomDecoder, readDecoderConfig, writeSafetensors } from '@gapo/model';
import {
  connect,
  implement,
  serve,
  type Client,
  type DescribeResponseInput,
  type Run as RunMessage,
  type RunState,
  type ScoreRequest,
  type ScoreResponseInput,
  type StepReport,
} from '@gapo/rpc';
import { logger } from '@gapo/service';
import { createPlatform, type Platform } from './platform.js';
import { Runs } from './runs/runs.js';
import { coordinatorServices } from './server.js';
import { coordinatorSettings } from './settings.js';
import {
  gradientWorker,
  rolloutWorker,
  type BeforeAnswer,
  type CoordinatorAddress,
  type TestWorker,
} from './testPolicy.fixture.js';

const vocabulary = ['<unk>', '<s>', '</s>', 'a', 'b', 'c', 'd', 'e'];

/** Milliseconds within which calls of tests are answered. */
export const deadlineMs = 60_000;

/** A directory that goes with the test. */
export async function scratch(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'gapo-coordinator-'));
  t.after(() => rm(path, { recursive: true, force: true, maxRetries: 3 }));
  return path;
}

/** Writes model/, train.jsonl and heldout.jsonl: a decoder of a few hundred weights whose vocabulary is five letters. */
export async function writeInputs(directory: string): Promise<void> {
  const model = join(directory, 'model');
  await mkdir(model, { recursive: true });
  const config = {
    model_type: 'llama',
    vocab_size: vocabulary.length,
    hidden_size: 8,
    intermediate_size: 8,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    num_key_value_heads: 2,
    max_position_embeddings: 32,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: true,
    bos_token_id: 1,
    eos_token_id: 2,
  };
  const tokenizer = {
    version: '1.0',
    added_tokens: vocabulary.slice(0, 3).map((content, id) => ({ id, content, special: true })),
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    model: {
      type: 'BPE',
      unk_token: '<unk>',
      vocab: Object.fromEntries(vocabulary.map((text, id) => [text, id])),
      merges: [],
    },
  };
  await writeFile(join(model, 'config.json'), JSON.stringify(config));
  await writeFile(join(model, 'tokenizer.json'), JSON.stringify(tokenizer));
  await writeFile(join(model, 'tokenizer_config.json'), JSON.stringify({ bos_token: '<s>', eos_token: '</s>' }));
  await writeSafetensors(join(model, 'model.safetensors'), randomDecoder(await readDecoderConfig(model), 1));
  const lines = (name: string, count: number): string =>
    Array.from(
      { length: count },
      (_, i) => `${JSON.stringify({ id: `${name}-${i}`, prompt: 'abcde'.slice(i % 5) })}\n`,
    ).join('');
  await writeFile(join(directory, 'train.jsonl'), lines('train', 6));
  await writeFile(join(directory, 'heldout.jsonl'), lines('heldout', 12));
  const json = (values: readonly unknown[]): string => values.map((value) => `${JSON.stringify(value)}\n`).join('');
  await writeFile(join(directory, 'texts.jsonl'), json([{ text: 'bbbb' }, { prompt: 'ac', completion: 'bb' }]));
  await writeFile(join(directory, 'pairs.jsonl'), json(pairs()));
}

/** Pairs of completions: `letters` prefers the one with more a; `short` the shorter one, with a label on every other. */
function pairs(): unknown[] {
  const completions = 'aa dedd, b ca, ac dbe, a cdbe, da bccd, ad ecdb, dd aca, e bbcda'.split(', ');
  return completions.map((pair, i) => {
    const [chosen = '', rejected = ''] = pair.split(' ');
    const letters = Math.sign(chosen.split('a').length - rejected.split('a').length);
    const short = i % 2 === 0 ? Math.sign(rejected.length - chosen.length) : 0;
    return { prompt: 'abcde'.slice(i % 5), chosen, rejected, labels: { letters, short } };
  });
}

/** A configuration of algorithm: dpo over {@link writeInputs}. */
export function pairsYaml(options: { steps?: number; extra?: string; dpo?: string } = {}): string {
  const { steps = 4, extra = '', dpo = '{ pairsPerStep: 4, beta: 0.5 }' } = options;
  return [
    'name: bandit',
    'seed: 7',
    'algorithm: dpo',
    `steps: ${steps}`,
    'policy: { model: model, lora: { rank: 1, targets: [q_proj] } }',
    'data: { pairs: pairs.jsonl, heldOut: heldout.jsonl }',
    'rollout: { maxNewTokens: 6, shards: 3 }',
    'objectives: [{ name: letters }, { name: short }]',
    'optimizer: { learningRate: 0.1 }',
    `dpo: ${dpo}`,
    extra,
    '',
  ].join('\n');
}

/** A run configuration over {@link writeInputs}; `extra` is appended as it is. */
export function runYaml(
  options: { steps?: number; objectives?: string[]; extra?: string; shards?: number } = {},
): string {
  const { steps = 4, objectives = ['letters', 'short'], extra = '', shards = 3 } = options;
  return [
    'name: bandit',
    'seed: 7',
    `steps: ${steps}`,
    'policy: { model: model, lora: { rank: 1, targets: [q_proj] } }',
    'data: { prompts: train.jsonl, heldOut: heldout.jsonl }',
    `rollout: { promptsPerStep: 8, samplesPerPrompt: 4, maxNewTokens: 6, shards: ${shards} }`,
    'objectives:',
    ...objectives.map((objective) => (objective.startsWith('{') ? `  - ${objective}` : `  - { name: ${objective} }`)),
    'optimizer: { learningRate: 0.1 }',
    extra,
    '',
  ].join('\n');
}

/** What a reward service of a test does with a batch. */
export type Scorer = (request: ScoreRequest, signal: AbortSignal) => Promise<ScoreResponseInput> | ScoreResponseInput;

/** Scores each completion by a rule. */
export function scoring(rule: (completion: string, prompt: string) => number): Scorer {
  return ({ items }) => ({
    results: items.map(({ id, prompt, completion }) => ({ id, score: rule(completion, prompt) })),
  });
}

/** Counts of a letter, whatever the decoder puts between letters. */
export function count(letter: string): (completion: string) => number {
  return (completion) => completion.split(letter).length - 1;
}

/** The two objectives of most tests: as many a as can be, and a completion that is not long. They conflict a little. */
export const usualScorers: Record<string, Scorer> = {
  letters: scoring(count('a')),
  short: scoring((completion) => -completion.replaceAll(' ', '').length / 4),
};

/** A reward service; `answer` may be replaced while it runs. */
export interface TestReward {
  readonly address: string;
  answer: Scorer;
  /** Sizes of the batches it was asked for. */
  readonly batches: number[];
  stop(): Promise<void>;
}

export async function rewardServer(
  t: TestContext,
  objective: string,
  answer: Scorer,
  describe: DescribeResponseInput = {},
): Promise<TestReward> {
  const batches: number[] = [];
  const service = implement('gapo.reward.v1.RewardService', {
    Describe: async () => ({ objective, model: 'rule', version: '1', maxBatch: 10, threshold: 1, ...describe }),
    Score: async (request, { signal }) => {
      batches.push(request.items.length);
      return reward.answer(request, signal);
    },
  });
  const server = await serve({ address: '127.0.0.1:0', services: [service], shutdownGraceMs: 0 });
  const reward: TestReward = { address: server.address, answer, batches, stop: () => server.stop() };
  t.after(() => server.stop());
  return reward;
}

/** How a world is made. */
export interface WorldOptions {
  /** What each rollout worker does before it answers; its length is their number. @default one that just answers */
  rollouts?: BeforeAnswer[];
  gradients?: BeforeAnswer[];
  /** @default usualScorers */
  scorers?: Record<string, Scorer>;
  describe?: DescribeResponseInput;
  /** Settings besides those that the world makes. */
  env?: Record<string, string>;
  bus?: EventBus;
}

/** Everything a run needs, running. */
export interface World {
  readonly directory: string;
  readonly env: Record<string, string>;
  readonly rollouts: readonly TestWorker[];
  readonly gradients: readonly TestWorker[];
  readonly rewards: Readonly<Record<string, TestReward>>;
  readonly coordinator: CoordinatorAddress;
}

/** Workers, rewards and input files, without a coordinator yet. */
export async function startWorld(t: TestContext, options: WorldOptions = {}): Promise<World> {
  const directory = await scratch(t);
  await writeInputs(directory);
  const coordinator: CoordinatorAddress = { address: '' };
  const answers: BeforeAnswer[] = [() => undefined];
  const rollouts: TestWorker[] = [];
  for (const before of options.rollouts ?? answers) rollouts.push(await rolloutWorker(t, coordinator, before));
  const gradients: TestWorker[] = [];
  for (const before of options.gradients ?? answers) gradients.push(await gradientWorker(t, coordinator, before));
  const rewards: Record<string, TestReward> = {};
  for (const [name, answer] of Object.entries(options.scorers ?? usualScorers)) {
    rewards[name] = await rewardServer(t, name, answer, options.describe);
  }
  const env = {
    LISTEN: '127.0.0.1:0',
    DATA_DIR: join(directory, 'runs'),
    ROLLOUT_WORKERS: rollouts.map(({ address }) => address).join(),
    GRADIENT_WORKERS: gradients.map(({ address }) => address).join(),
    REWARD_SERVICES: Object.entries(rewards)
      .map(([name, { address }]) => `${name}=${address}`)
      .join(),
    ...options.env,
  };
  return { directory, env, rollouts, gradients, rewards, coordinator };
}

/** A coordinator within the test's process, with a client. */
export interface TestCoordinator {
  readonly client: Client<'gapo.training.v1.TrainingService'>;
  readonly runs: Runs;
  readonly platform: Platform;
  /** Stops it in order; another may then be started over the same world. */
  stop(graceMs?: number): Promise<void>;
}

export async function startCoordinator(t: TestContext, world: World, bus?: EventBus): Promise<TestCoordinator> {
  const settings = coordinatorSettings(world.env);
  const events = bus ?? (await connectEvents({ source: 'gapo/coordinator', inProcess: true }));
  const platform = createPlatform(settings, events, logger('gapo-coordinator'));
  const runs = await Runs.open(platform, settings.DATA_DIR);
  const services = coordinatorServices(() => runs, platform);
  const server = await serve({ address: settings.LISTEN, services, shutdownGraceMs: 0 });
  world.coordinator.address = server.address;
  const client = connect('gapo.training.v1.TrainingService', server.address);
  let stopping: Promise<void> | undefined;
  const stop = async (graceMs: number): Promise<void> => {
    await runs.stop(graceMs);
    client.close();
    await server.stop();
    platform.rollout.close();
    platform.gradient.close();
    if (bus === undefined) await events.close();
  };
  t.after(() => (stopping ??= stop(0)));
  return { client, runs, platform, stop: (graceMs = 5000) => (stopping ??= stop(graceMs)) };
}

/** A world and a coordinator over it. */
export async function startAll(
  t: TestContext,
  options: WorldOptions = {},
): Promise<{ world: World; coordinator: TestCoordinator }> {
  const world = await startWorld(t, options);
  return { world, coordinator: await startCoordinator(t, world) };
}

/** Creates a run; its files are the world's. */
export async function createRun(
  { client }: Pick<TestCoordinator, 'client'>,
  world: World,
  configYaml: string,
  runId = 'bandit',
): Promise<RunMessage> {
  const { run } = await client.CreateRun({ configYaml, baseDirectory: world.directory, runId }, { deadlineMs });
  return run!;
}

/** Watches a run until it is in one of the given states; the run as it is then. */
export async function until(
  { client }: Pick<TestCoordinator, 'client'>,
  runId: string,
  ...states: RunState[]
): Promise<RunMessage> {
  for await (const { run } of client.WatchRun({ runId }, { deadlineMs })) {
    if (run && states.includes(run.state)) return run;
  }
  const { run } = await client.GetRun({ runId }, { deadlineMs });
  throw new Error(`run ${runId} ended as ${run?.state}: ${run?.reason}`);
}

/** Watches a run until it has taken so many steps. */
export async function untilStep(
  { client }: Pick<TestCoordinator, 'client'>,
  runId: string,
  wanted: number,
): Promise<void> {
  for await (const { step } of client.WatchRun({ runId }, { deadlineMs })) if (step && step.step >= wanted) return;
  throw new Error(`run ${runId} ended before step ${wanted}`);
}

/** A run's reports so far, once it has ended. */
export async function reportsOf({ client }: Pick<TestCoordinator, 'client'>, runId: string): Promise<StepReport[]> {
  const reports: StepReport[] = [];
  for await (const { step } of client.WatchRun({ runId }, { deadlineMs })) if (step) reports.push(step);
  return reports;
}

/** A run that has succeeded, and its reports. */
export interface TrainedRun {
  readonly run: RunMessage;
  readonly reports: readonly StepReport[];
}

/** A run from its first step to its last. */
export async function train(
  coordinator: Pick<TestCoordinator, 'client'>,
  world: World,
  configYaml: string,
  runId = 'bandit',
): Promise<TrainedRun> {
  await createRun(coordinator, world, configYaml, runId);
  const run = await until(coordinator, runId, 'RUN_STATE_SUCCEEDED');
  return { run, reports: await reportsOf(coordinator, runId) };
}

/** The same in a world of its own. */
export async function trainAlone(t: TestContext, configYaml: string, options: WorldOptions = {}): Promise<TrainedRun> {
  const { world, coordinator } = await startAll(t, options);
  return train(coordinator, world, configYaml);
}

/** Creates a run and waits until one of its steps is held by {@link holdAt}; returns what releases it. */
export async function createRunHeldAt(
  coordinator: Pick<TestCoordinator, 'client'>,
  world: World,
  configYaml: string,
  step: number,
  runId = 'bandit',
): Promise<() => void> {
  const { reached, release } = holdAt(world, step);
  await createRun(coordinator, world, configYaml, runId);
  await reached;
  return release;
}

/** Holds the reward `short` back at one step, until released. */
export function holdAt(world: World, step: number): { reached: Promise<void>; release: () => void } {
  let [reach, release] = [(): void => undefined, (): void => undefined];
  const reached = new Promise<void>((resolve) => (reach = resolve));
  const released = new Promise<void>((resolve) => (release = resolve));
  const reward = world.rewards['short']!;
  const { answer } = reward;
  reward.answer = async (request, signal) => {
    if (request.items[0]!.id.startsWith(`${step}.`)) {
      reach();
      await released;
    }
    return answer(request, signal);
  };
  return { reached, release };
}
