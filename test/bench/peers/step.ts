/** Whole training steps of the example against TRL's GRPO and RLOO. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseRunConfig } from '@gapo/config';
import { mean } from '@gapo/numeric';
import { type Client, connect } from '@gapo/rpc';
import { project, startPlatform } from '../../platform.fixture.js';
import type { Group, Row, Setting } from './group.js';
import { Peer, type Versions } from './peerProcess.js';
import { inTurn, type Way } from './rounds.js';

const example = join(project, 'examples/assistant');
/** Steps of a run that count, and those before them: the first of a run read the model and build graphs. */
const counted = 6;
const skipped = 3;
/** Steps of TRL in a round. */
const theirSteps = 2;

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
    let round = 0;
    const ways: Record<string, Way> = {
      ours: () => stepMillis(training, yaml, `round-${round++}`, (tokens) => count('ours', tokens)),
    };
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
        `The policy, its adapters, the prompts (${settings.prompts} a step with ${settings.samples} completions each) and the sampling ` +
          `options are the same. Mean tokens of a step: ${perStep('ours')} here, ` +
          `${[...peers.keys()].map((name) => `${perStep(name)} with ${name}`).join(', ')}; each policy moves in its own direction.`,
        'Here the rewards are the two classifiers of the example, as services, the method is GAPO, and a step ends with a durable ' +
          'checkpoint. TRL has two rewards that cost nothing, and writes no checkpoint.',
      ],
    };
  } finally {
    training.close();
    await Promise.all([platform.stop(), ...[...peers.values()].map((peer) => peer.close())]);
  }
}

/**
 * What TRL needs of the example's configuration.
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

/** Trains the example for a few steps. Returns the mean milliseconds from one step's end to the next. */
async function stepMillis(
  training: Client<'gapo.training.v1.TrainingService'>,
  yaml: string,
  runId: string,
  onTokens: (tokens: number) => void,
): Promise<number> {
  const configYaml = yaml.replace(/^steps: .*$/m, `steps: ${skipped + counted}`);
  await training.CreateRun({ configYaml, baseDirectory: example, runId }, { deadlineMs: 60_000 });
  const ends: number[] = [];
  for await (const event of training.WatchRun({ runId }, { deadlineMs: 600_000 })) {
    const { run, step: report } = event;
    if (run?.state === 'RUN_STATE_FAILED' || run?.state === 'RUN_STATE_PAUSED')
      throw new Error(`the run stopped: ${run.reason}`);
    if (!report) continue;
    ends.push(performance.now());
    onTokens(Number(report.tokens));
  }
  return ((ends.at(-1) as number) - (ends[skipped - 1] as number)) / counted;
}
