/** Throughput of the reward service relative to a bare session, and its tail latency relative to its bound. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Session, type TensorArray, int64 } from '@gapo/graph';
import { Tokenizer, copyTokenizer, exchange, llamaConfig, randomDecoder, toHuggingFaceConfig } from '@gapo/model';
import { at, uniform } from '@gapo/numeric';
import { type Client, type ItemInput, connect } from '@gapo/rpc';
import { startProcess } from '@gapo/service/testing';
import { decoderScores, scoreHead, writeReward } from '@gapo/training';
import { project } from '../platform.fixture.js';
import { benchShape } from './decoder.js';

const example = join(project, 'examples/assistant');
const threadCount = 2;
/** Items in a call. */
const batch = 32;
/** Distinct calls. */
const concurrentCalls = 8;
/** Calls in flight while the peak rate is measured. */
const concurrent = 4;
const rounds = 8;
/** LATENCY_BOUND_MS of the service: its default. */
const latencyBoundMs = 1000;
/** Calls of the open loop; one of them is slower than the 99th percentile. */
const arrivals = 120;

type RewardClient = Client<'gapo.reward.v1.RewardService'>;

/**
 * Benchmarks a classifier of 6 layers of width 256 (6 M parameters) on 8 distinct batches of 32 items built from the
 * example's prompts, about 40 tokens each. Service and client run as separate processes on this machine. The service's time
 * includes tokenization, gRPC and the client; the direct calls get token ids. Rounds alternate and the best of each counts,
 * because other processes only add time.
 *
 * - `rewards.itemsPerSecond`: over gRPC in calls of 32, four in flight.
 * - `rewards.directItemsPerSecond`: the same calls on a session of the same kind, sequentially: as one batch padded to its
 *   longest sequence, or as four batches of eight sorted by length, whichever is faster.
 * - `rewards.ofDirect`: the first divided by the second. Floor: 0.85.
 * - `rewards.p99Millis`: the 99th percentile of the latency of 120 such calls in an open loop: they arrive at half that rate
 *   as a Poisson process from the counter-based generator, whether or not earlier calls have completed.
 * - `rewards.p99OverBound`: p99Millis divided by LATENCY_BOUND_MS of the service, 1000. Ceiling: 1.
 */
export async function rewardsBench(): Promise<Record<string, number>> {
  const directory = await mkdtemp(join(tmpdir(), 'gapo-bench-'));
  try {
    await writeClassifier(directory);
    const calls = await someCalls();
    const tokenizer = await Tokenizer.read(directory);
    const session = await Session.open(join(directory, 'model.onnx'), { threads: threadCount });
    const tokens = await Promise.all(calls.map((items) => tokensOf(tokenizer, items)));
    const whole = tokens.map((sequences) => paddedBatch(sequences));
    const byLength = tokens.flatMap((sequences) => quarters(sequences).map(paddedBatch));
    const service = startProcess(new URL('../../../services/reward/dist/main.js', import.meta.url), {
      env: {
        LISTEN: '127.0.0.1:0',
        REWARD_KIND: 'onnx',
        REWARD_MODEL: directory,
        THREADS: `${threadCount}`,
        LATENCY_BOUND_MS: `${latencyBoundMs}`,
      },
    });
    const client = connect('gapo.reward.v1.RewardService', await service.address());
    try {
      let [one, four, served] = [0, 0, 0];
      for (let round = 0; round < rounds; round++) {
        one = Math.max(one, await directRate(session, whole));
        four = Math.max(four, await directRate(session, byLength));
        served = Math.max(served, await servedRate(client, calls));
      }
      const direct = Math.max(one, four);
      const p99 = await openLoopP99(client, calls, served / 2);
      return {
        'rewards.itemsPerSecond': 1e3 * batch * served,
        'rewards.directItemsPerSecond': 1e3 * batch * direct,
        'rewards.ofDirect': served / direct,
        'rewards.p99Millis': p99,
        'rewards.p99OverBound': p99 / latencyBoundMs,
      };
    } finally {
      client.close();
      service.kill('SIGTERM');
      await service.closed;
      await session.close();
    }
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Returns calls per millisecond, one batch at a time. */
async function directRate(session: Session, batches: readonly Record<string, TensorArray>[]): Promise<number> {
  const began = performance.now();
  for (const feeds of batches) await session.run(feeds);
  return concurrentCalls / (performance.now() - began);
}

/** Returns calls per millisecond with several in flight. */
async function servedRate(client: RewardClient, calls: readonly (readonly ItemInput[])[]): Promise<number> {
  const began = performance.now();
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let items = calls[next++]; items !== undefined; items = calls[next++]) await score(client, items);
  };
  await Promise.all(Array.from({ length: concurrent }, lane));
  return calls.length / (performance.now() - began);
}

/** Returns the 99th percentile of the latency in milliseconds, from a call's scheduled arrival to its response. */
async function openLoopP99(
  client: RewardClient,
  calls: readonly (readonly ItemInput[])[],
  rate: number,
): Promise<number> {
  const began = performance.now();
  const latencies: Promise<number>[] = [];
  let arrival = 0;
  for (let call = 0; call < arrivals; call++) {
    arrival -= Math.log(1 - uniform(1, call)) / rate;
    const scheduled = began + arrival;
    await delay(Math.max(0, scheduled - performance.now()));
    latencies.push(score(client, at(calls, call % calls.length)).then(() => performance.now() - scheduled));
  }
  const sorted = (await Promise.all(latencies)).sort((a, b) => a - b);
  return at(sorted, Math.ceil(0.99 * arrivals) - 1);
}

async function score(client: RewardClient, items: readonly ItemInput[]): Promise<void> {
  const { results } = await client.Score({ items: [...items] }, { deadlineMs: 60_000 });
  if (results.length !== batch || results.some(({ score }) => score === undefined)) {
    throw new Error('rewards bench: not every item has a score; nothing was measured');
  }
}

async function writeClassifier(directory: string): Promise<void> {
  const { size } = await Tokenizer.read(join(example, 'tokenizer'));
  const shape = { ...benchShape, vocabulary: size };
  const config = llamaConfig(shape);
  await writeReward(directory, {
    model: decoderScores(config),
    tensors: randomDecoder(config, 1, [scoreHead(config.width)]),
    config: { ...toHuggingFaceConfig(shape, 'LlamaForSequenceClassification'), num_labels: 1 },
    reward: { objective: 'bench', max_tokens: shape.context },
  });
  await copyTokenizer(join(example, 'tokenizer'), directory);
}

/** Returns batches of items drawn from the example's prompts: one sentence as the prompt, one or two as the completion. */
async function someCalls(): Promise<readonly (readonly ItemInput[])[]> {
  const lines = (await readFile(join(example, 'prompts/train.jsonl'), 'utf8')).trim().split('\n');
  const prompts = lines.map((line) => (JSON.parse(line) as { prompt: string }).prompt);
  const drawn = (...counters: number[]): string => at(prompts, Math.floor(uniform(2, ...counters) * prompts.length));
  return Array.from({ length: concurrentCalls }, (_, call) =>
    Array.from({ length: batch }, (__, item) => {
      const sentences = 1 + Math.floor(2 * uniform(3, call, item));
      const completion = Array.from({ length: sentences }, (___, k) => drawn(call, item, 1 + k)).join(' ');
      return { id: `${item}`, prompt: drawn(call, item, 0), completion };
    }),
  );
}

function tokensOf(tokenizer: Tokenizer, items: readonly ItemInput[]): Promise<readonly (readonly number[])[]> {
  const texts = items.map(({ prompt = '', completion = '' }) =>
    tokenizer.renderChat(exchange(prompt, completion), false),
  );
  return tokenizer.encodeAll(texts.map((text) => text ?? ''));
}

/** A call's sequences as four batches, the shortest first. */
function quarters(sequences: readonly (readonly number[])[]): readonly (readonly (readonly number[])[])[] {
  const sorted = [...sequences].sort((a, b) => a.length - b.length);
  return [0, 1, 2, 3].map((k) => sorted.slice((k * batch) / 4, ((k + 1) * batch) / 4));
}

/** A batch as one would write it by hand: padded on the right to its longest sequence. */
function paddedBatch(sequences: readonly (readonly number[])[]): Record<string, TensorArray> {
  const length = Math.max(...sequences.map((ids) => ids.length));
  const dims = [sequences.length, length];
  const filled = (value: (ids: readonly number[], position: number) => number): TensorArray => ({
    data: int64(sequences.flatMap((ids) => Array.from({ length }, (_, position) => value(ids, position)))),
    dims,
  });
  return {
    input_ids: filled((ids, position) => ids[position] ?? 0),
    attention_mask: filled((ids, position) => (position < ids.length ? 1 : 0)),
  };
}
