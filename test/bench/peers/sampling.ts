/** Sampling against transformers.generate, llama.cpp and vLLM on the CPU. */
import { join } from 'node:path';
import { at } from '@gapo/numeric';
import { Evaluator } from '@gapo/policy';
import { benchDecoder, benchTrainable, benchVersion } from '../decoder.js';
import { millis } from '../millis.js';
import { prompt, shardWorker, someIds, tokens } from '../samplingShard.js';
import type { Group, Row, Setting } from './group.js';
import { writeDecoder, writeMerged } from './model.js';
import { Peer, type Versions } from './peerProcess.js';
import { inTurn, type Way } from './rounds.js';

const rowCount = 32;
/** The peer whose weights are converted without rounding. */
const exactFormat = 'llama.cpp, float32';
/** How far its log-probabilities may differ. */
const tolerance = 1e-3;

/** Measures the group. @throws Error if a peer draws a different number of tokens */
export async function sampling(setting: Setting): Promise<Group> {
  const { scratch, threads, python, vllm, say } = setting;
  const merged = join(scratch, 'merged');
  await writeDecoder(scratch);
  await writeMerged(scratch, merged);
  const extents = [merged, threads, rowCount, prompt, tokens];
  const scripts: readonly (readonly [name: string, python: string, script: string, ...more: string[]])[] = [
    ['transformers.generate', python, 'transformers_sampling.py'],
    [exactFormat, python, 'llama_sampling.py', 'F32'],
    ['llama.cpp, Q8_0', python, 'llama_sampling.py', 'Q8_0'],
    ...(vllm === undefined ? [] : ([['vLLM on the CPU', vllm, 'vllm_sampling.py']] as const)),
  ];
  const workers = Array.from({ length: threads }, (_, index) => {
    const edge = (at: number): number => Math.floor((at * rowCount) / threads);
    return shardWorker({ start: edge(index), end: edge(index + 1) });
  });
  const peers = new Map<string, Peer>();
  try {
    for (const [name, program, script, ...more] of scripts) {
      say(`starting ${name}`);
      const peer = await Peer.start(program, script, [...extents, ...more]);
      peers.set(name, peer);
      if (name === exactFormat) await requireSameDecoder(setting, peer);
    }
    let round = 0;
    const ways: Record<string, Way> = {
      ours: () => millis(() => Promise.all(workers.map(({ sample }) => sample(round++)))),
    };
    for (const [name, peer] of peers)
      ways[name] = async () => {
        const { millis: taken, tokens: drawn } = await peer.measure('sample');
        if (drawn !== rowCount * tokens) throw new Error(`${name} drew ${drawn} tokens, not ${rowCount * tokens}`);
        return taken;
      };
    const timing = await inTurn(ways, setting.rounds, say);
    const row = (name: string): Row => ({
      what: `${rowCount} completions of ${tokens} tokens`,
      peer: name,
      ours: timing('ours'),
      theirs: timing(name),
    });
    return {
      rows: [...peers.keys()].map(row),
      versions: Object.assign({}, ...[...peers.values()].map(({ versions }) => versions)) as Versions,
      notes: [
        `Prompts have ${prompt} tokens, the temperature is 1, and completions do not stop early. gapo samples with ${threads} workers of one ` +
          `thread each and unmerged adapters; the others have ${threads} threads and merged adapters.`,
        'llama.cpp decodes all rows in one batch through its Python binding, which also calls the sampler for each row.',
      ],
    };
  } finally {
    await Promise.all([...[...peers.values()].map((peer) => peer.close()), ...workers.map(({ close }) => close())]);
  }
}

/**
 * Checks that a peer with the weights in its own format computes the same distribution.
 *
 * @throws Error if log-probabilities differ
 */
async function requireSameDecoder({ threads }: Setting, peer: Peer): Promise<void> {
  const { logits = [] } = await peer.measure('logits');
  const model = benchDecoder();
  const evaluator = await Evaluator.open(model, benchTrainable, { threads });
  const sequences = logits.map((_, token) => ({ promptIds: someIds(0, prompt), completionIds: [token] }));
  const { logprobs } = await evaluator.evaluate(benchVersion(model), sequences, 1);
  await evaluator.close();
  // Logits are determined only up to a constant.
  const differences = logits.map((logit, token) => logit - at(logprobs, token));
  if (Math.max(...differences) - Math.min(...differences) > tolerance)
    throw new Error(`llama.cpp has logits ${logits.join(', ')}; here log-probabilities are ${logprobs.join(', ')}`);
}
