/** Whole training steps of the example against TRL's GRPO and RLOO. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseRunConfig } from '@gapo/config';
import { mean } from '@gapo/numeric';
import { type Client, connect, type WatchRunResponse } from '@gapo/rpc';
import { project, startPlatform } from '../../platform.fixture.js';
import type { Group, Row, Setting } from './group.js';
import { Peer, type Versions } from './peerProcess.js';
import { inTurn, type Way } from './rounds.js';

const example = join(project, 'examples/assistant');
const runId = 'peers';
/**
 * Measured steps per round, and skipped steps before them: the first steps of a session fetch the
 * policy.
 */
const counted = 8;
const skipped = 2;
/** Steps of TRL in a round. */
const theirSteps = 3;

/** Measures the group. */
export async function step(setting: Setting): Promise<Group> {
  const { scratch, threads, python, say } = setting;
  const yaml = await readFile(join(example, 'run.yaml'), 'utf8');
  const settings = settingsOf(yaml, threads);
  const texts = (await readFile(join(example, 'prompts/train.jsonl'), 'utf8')).trim().split('\n');
  const promptFile = join(scratch, 'prompts.json');
  await writeFile(promptFile, JSON.stringify(texts.map((line) => (JSON.parse(line) as { prompt: string }).prompt)));
  const model = join(example, 'models/policy');
  say('starting the services');
  const platform = await startPlatform({ directory: example, data: join(scratch, 'data'), rolloutWorkers: 'usual' });
  const training = connect('gapo.training.v1.TrainingService', platform.coordinator);
  const peers = new Map<string, Peer>();
  const drawn = new Map<string, number[]>();
  const count = (name: string, tokens: number): void => void drawn.set(name, [...(drawn.get(name) ?? []), tokens]);
  try {
    for (const algorithm of ['grpo', 'rloo']) {
      say(`starting TRL's ${algorithm.toUpperCase()}`);
      const args = [model, promptFile, JSON.stringify(settings), algorithm];
      peers.set(`TRL, ${algorithm.toUpperCase()}`, await Peer.start(python, 'trl_step.py', args));
    }
    const ours = await PacedRun.create(training, yaml, (tokens) => count('ours', tokens));
    const ways: Record<string, Way> = { ours: () => ours.round() };
    for (const [name, peer] of peers)
      ways[name] = async () => {
        const millis: number[] = [];
        for (let i = 0; i < theirSteps; i++) {
          const measured = await peer.measure('step');
          millis.push(measured.millis);
          count(name, measured.tokens ?? NaN);
        }
        return mean(millis);
      };
    const timing = await inTurn(ways, setting.rounds, say);
    const perStep = (name: string): string => mean(drawn.get(name) ?? []).toFixed(0);
    return {
      rows: [...peers.keys()].map((name): Row => ({
        what: 'a training step of the example',
        peer: name,
        ours: timing('ours'),
        theirs: timing(name),
      })),
      versions: Object.assign({}, ...[...peers.values()].map(({ versions }) => versions)) as Versions,
      notes: [
        `The policy, its adapters, the prompts (${settings.prompts} per step with ${settings.samples} completions each) and the sampling ` +
          `options are the same. Mean tokens per step: ${perStep('ours')} with gapo, ` +
          `${[...peers.keys()].map((name) => `${perStep(name)} with ${name}`).join(', ')}; the policies diverge as they train.`,
        'gapo uses the two classifiers of the example as reward services and the method GAPO, and ends each step with a durable ' +
          'checkpoint. TRL uses two rewards that cost nothing, and writes no checkpoint.',
      ],
    };
  } finally {
    training.close();
    await Promise.all([platform.stop(), ...[...peers.values()].map((peer) => peer.close())]);
  }
}

/**
 * The settings that TRL needs from the example's configuration.
 *
 * @throws Error if it trains no adapter
 */
function settingsOf(yaml: string, threads: number): Readonly<Record<string, number>> {
  const { rollout, policy, optimizer, kl } = parseRunConfig(yaml, 'run.yaml', undefined);
  const { lora } = policy;
  if (lora === undefined) throw new Error('the example trains no adapter');
  return {
    threads,
    prompts: rollout.promptsPerStep,
    samples: rollout.samplesPerPrompt,
    maxNewTokens: rollout.maxNewTokens,
    temperature: rollout.temperature,
    learningRate: optimizer.learningRate,
    beta: kl.coefficient,
    rank: lora.rank,
    alpha: lora.alpha,
  };
}

/** One run of the example, which trains a few steps in each round and is paused between rounds. */
class PacedRun {
  readonly #training: Client<'gapo.training.v1.TrainingService'>;
  readonly #onTokens: (tokens: number) => void;
  readonly #events: AsyncIterator<WatchRunResponse>;

  private constructor(training: Client<'gapo.training.v1.TrainingService'>, onTokens: (tokens: number) => void) {
    this.#training = training;
    this.#onTokens = onTokens;
    this.#events = training.WatchRun({ runId }, { deadlineMs: 7_200_000 })[Symbol.asyncIterator]();
  }

  /** Creates the run and makes it wait for its first round. */
  static async create(
    training: Client<'gapo.training.v1.TrainingService'>,
    yaml: string,
    onTokens: (tokens: number) => void,
  ): Promise<PacedRun> {
    const configYaml = yaml.replace(/^steps: .*$/m, 'steps: 100000').replace('schedule: cosine', 'schedule: constant');
    await training.CreateRun({ configYaml, baseDirectory: example, runId }, { deadlineMs: 60_000 });
    const run = new PacedRun(training, onTokens);
    await run.#pause();
    return run;
  }

  /** Trains some steps. Returns the mean milliseconds from one step's end to the next. */
  async round(): Promise<number> {
    await this.#training.ResumeRun({ runId }, { deadlineMs: 60_000 });
    await this.#steps(skipped);
    const began = performance.now();
    await this.#steps(counted);
    const millis = (performance.now() - began) / counted;
    await this.#pause();
    return millis;
  }

  /** Waits for the ends of some steps. @throws Error if the run stops */
  async #steps(count: number): Promise<void> {
    for (let left = count; left > 0;) {
      const { run, step: report } = await this.#next();
      if (run?.state === 'RUN_STATE_FAILED') throw new Error(`the run stopped: ${run.reason}`);
      if (!report) continue;
      this.#onTokens(Number(report.tokens));
      left -= 1;
    }
  }

  /** Pauses the run after the step in progress. */
  async #pause(): Promise<void> {
    await this.#training.PauseRun({ runId }, { deadlineMs: 60_000 });
    for (let state: string | undefined = ''; state !== 'RUN_STATE_PAUSED';) state = (await this.#next()).run?.state;
  }

  async #next(): Promise<WatchRunResponse> {
    const next = await this.#events.next();
    if (next.done === true) throw new Error('the run ended');
    return next.value;
  }
}
