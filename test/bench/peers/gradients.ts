/** Gradients of several objectives against PyTorch with PEFT, eager and compiled, and against TorchJD. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { initialTensors } from '@gapo/model';
import { uniform } from '@gapo/numeric';
import { Evaluator, GradientEngine, type ShardGradients, type ShardInput } from '@gapo/policy';
import { benchConfig, benchDecoder, benchTrainable, benchVersion, randomIds } from '../decoder.js';
import { shardOf } from '../engine.js';
import { millis } from '../millis.js';
import type { Group, Row, Setting } from './group.js';
import { writeDecoder } from './model.js';
import { Peer } from './peerProcess.js';
import { inTurn, type Way } from './rounds.js';

const counts = [1, 2, 4, 8] as const;
const most = 8;
/** Maximum relative difference between the norms of two implementations' gradients. */
const tolerance = 1e-3;
const oldLogprob = -Math.log(benchConfig.vocabulary);

type Sequences = ShardInput['sequences'];

/** 16 sequences of 128 tokens, all except the first predicted. */
const rows: Sequences = Array.from({ length: 16 }, (_, row) => ({
  promptIds: [1],
  completionIds: randomIds(row, 127),
}));

/** Four prompts of 256 tokens with eight completions of 48 each. */
const prompts: Sequences = Array.from({ length: 32 }, (_, row) => ({
  promptIds: randomIds(100 + Math.floor(row / most), 256),
  completionIds: randomIds(200 + row, 48),
}));

/** The advantage of a sequence for an objective. */
const advantage = (row: number, k: number): number => 2 * uniform(row, 1000 + k) - 1;

/** Measures the group. @throws Error if two implementations' gradients differ */
export async function gradients(setting: Setting): Promise<Group> {
  const { scratch, threads, python, say } = setting;
  await writeDecoder(scratch);
  await writeFile(
    join(scratch, 'batches.json'),
    JSON.stringify({ rows: described(rows), prompts: described(prompts) }),
  );
  const model = benchDecoder();
  const version = benchVersion(model);
  const allWeights = { valueHeads: 0 };
  const weights = initialTensors(model.config, allWeights, 1, model.weights);
  const adapters = new GradientEngine(model, benchTrainable, { threads });
  const whole = new GradientEngine(model, allWeights, { threads });
  const evaluator = await Evaluator.open(model, benchTrainable, { threads });
  say('starting PyTorch');
  const peer = await Peer.start(python, 'torch_gradients.py', [scratch, threads]);

  /** The norms of our gradients, by kind; the peer's must agree. */
  const norms = new Map<string, readonly number[]>();
  const ours = (kind: string, compute: () => Promise<ShardGradients>): Way => {
    return () =>
      millis(async () => {
        norms.set(kind, (await compute()).objectives.map(normOf));
      });
  };
  const theirs = (kind: string, same = kind): Way => {
    return async () => {
      const { millis: taken, norms: found = [] } = await peer.measure(kind);
      requireEqual(kind, norms.get(same) ?? [], found);
      return taken;
    };
  };
  const ways: Record<string, Way> = {
    'ours.forward': () => millis(() => evaluator.evaluate(version, rows, 1)),
    forward: async () => (await peer.measure('forward')).millis,
    'ours.whole': ours('whole', () => whole.compute(weights, shard(rows, 1))),
    whole: theirs('whole'),
    'ours.prompts.1': ours('prompts.1', () => adapters.compute(version, shard(prompts, 1))),
    'prompts.1': theirs('prompts.1'),
  };
  for (const count of counts) {
    const kind = `gradients.${count}`;
    ways[`ours.${kind}`] = ours(kind, () => adapters.compute(version, shard(rows, count)));
    ways[kind] = theirs(kind);
    if (count > 1) ways[`torchjd.${count}`] = async () => (await peer.measure(`torchjd.${count}`)).millis;
  }
  ways['compiled.1'] = theirs('compiled.1', 'gradients.1');
  const timing = await inTurn(ways, setting.rounds, say).finally(() => peer.close());
  await Promise.all([adapters.close(), whole.close(), evaluator.close()]);

  const row = (what: string, name: string, implementation: string, own = name): Row => {
    return { what, peer: implementation, ours: timing(`ours.${own}`), theirs: timing(name) };
  };
  const eager = 'PyTorch, eager';
  return {
    rows: [
      row('log-probabilities', 'forward', eager),
      row('every weight trained, one objective', 'whole', eager),
      ...counts.map((count) => row(`adapters, ${plural(count)}`, `gradients.${count}`, `${eager}, PEFT`)),
      row(`adapters, ${plural(1)}`, 'compiled.1', 'torch.compile, PEFT', 'gradients.1'),
      ...counts
        .filter((count) => count > 1)
        .map((count) => row(`adapters, ${plural(count)}`, `torchjd.${count}`, 'TorchJD, PEFT', `gradients.${count}`)),
      row('adapters, one objective, eight completions of each prompt of 256 tokens', 'prompts.1', `${eager}, PEFT`),
    ],
    versions: peer.versions,
    notes: [
      'The decoder has 6 layers of width 256 and 7 million parameters, with adapters of rank 8 on every linear layer. The batch is 16 ' +
        'sequences of 128 tokens, or 32 completions of 48 tokens in the last row.',
      'PyTorch runs one forward pass, and one backward pass per objective. TorchJD batches those passes and combines the ' +
        "gradients by MGDA, which gapo's time does not include.",
      `The norms of all objectives' gradients agree to ${tolerance} in every round.`,
    ],
  };
}

const plural = (count: number): string => (count === 1 ? 'one objective' : `${count} objectives`);

/** A batch in the peer's format. */
function described(sequences: Sequences): object {
  const advantages = sequences.map((_, row) => Array.from({ length: most }, (_, k) => advantage(row, k)));
  return { sequences, advantages, oldLogprob };
}

/** A batch under the first objectives, none of its tokens clipped. */
function shard(sequences: Sequences, objectives: number): ShardInput {
  const advantages = Float32Array.from({ length: sequences.length * objectives }, (_, i) =>
    advantage(Math.floor(i / objectives), i % objectives),
  );
  return { ...shardOf(sequences, objectives, 'sequence'), advantages };
}

function normOf(gradient: Float32Array): number {
  return Math.sqrt(gradient.reduce((sum, x) => sum + x * x, 0));
}

/** @throws Error if norms differ */
function requireEqual(kind: string, ours: readonly number[], theirs: readonly number[]): void {
  const differs = ours.length !== theirs.length || ours.some((norm, k) => !near(norm, theirs[k]));
  if (differs)
    throw new Error(`${kind}: the gradients have norms ${ours.join(', ')} here and ${theirs.join(', ')} there`);
}

const near = (a: number, b = NaN): boolean => Math.abs(a - b) <= tolerance * Math.abs(a);
