/**
 * The gradient service over gRPC, with a real tensor thread: it returns the engine's own gradients, which sum over
 * shards.
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { Evaluator, GradientEngine, LogitGramEngine, type Sequence, type ShardInput, project } from '@gapo/policy';
import {
  type Client,
  type ComputeGradientsRequestInput,
  type GradientHeader,
  type GradientSource,
  type GradientStatistics,
  type RpcCode,
  TensorAssembler,
  connect,
  fromTensor,
  toTensor,
} from '@gapo/rpc';
import {
  type PolicyServer,
  type TinyPolicy,
  damageWeights,
  deadlineMs,
  failsWith,
  serveWorker,
  suiteOwner,
  testWorkerProcess,
  tinyPolicy,
  tinyTrainable,
  versionsOf,
} from '@gapo/worker/testing';
import { type GradientTasks, gradientService } from './server.js';

type GradientClient = Client<'gapo.gradient.v1.GradientService'>;

const objectives = ['helpful', 'harmless'];
const sequences: readonly Sequence[] = [
  { promptIds: [1, 5, 6], completionIds: [7, 3, 2] },
  { promptIds: [1, 4], completionIds: [9, 10, 8, 2] },
  { promptIds: [1, 4, 4, 3], completionIds: [6] },
  { promptIds: [1], completionIds: [3, 3, 5] },
];
const tokensOf = (some: readonly Sequence[]) =>
  some.reduce((total, { completionIds }) => total + completionIds.length, 0);
const wave = (size: number, seed: number, scale: number) =>
  Float32Array.from({ length: size }, (_, i) => scale * Math.sin(1.7 * i + seed));
/** [sequences, K]. */
const advantages = wave(4 * 2, 1, 1);
const loss = {
  clipRange: 0.2,
  klCoefficient: 0.3,
  entropyCoefficient: 0.1,
  valueCoefficient: 0,
  valueClip: 0,
  denominator: tokensOf(sequences),
  temperature: 0.8,
};

/** The shard of the sequences from `start` to `end`. */
function shard(start: number, end: number, oldLogprobs: Float32Array): ShardInput {
  const some = sequences.slice(start, end);
  const first = tokensOf(sequences.slice(0, start));
  const { valueCoefficient: _value, valueClip: _clip, ...rest } = loss;
  return {
    ...rest,
    sequences: some,
    advantages: advantages.slice(2 * start, 2 * end),
    advantagesPer: 'sequence',
    objectives: objectives.length,
    oldLogprobs: oldLogprobs.slice(first, first + tokensOf(some)),
    referenceLogprobs: oldLogprobs.slice(first, first + tokensOf(some)).map((x) => x - 0.2),
  };
}

function onTheWire(some: readonly Sequence[]) {
  return some.map(({ promptIds, completionIds }) => ({
    promptIds: [...promptIds],
    completionIds: [...completionIds],
  }));
}

/** A shard on the wire. */
function toRequest(policy: TinyPolicy, input: ShardInput): ComputeGradientsRequestInput {
  const tokens = input.oldLogprobs.length;
  return {
    policy: policy.ref(0),
    sequences: onTheWire(input.sequences),
    loss: { ...loss, objectives },
    advantages: toTensor('advantages', [input.sequences.length, objectives.length], input.advantages),
    oldLogprobs: toTensor('old', [tokens], input.oldLogprobs),
    referenceLogprobs: toTensor('reference', [tokens], input.referenceLogprobs as Float32Array),
    shard: 0,
  };
}

interface Answer {
  readonly header: GradientHeader;
  /** By name. */
  readonly gradients: ReadonlyMap<string, Float32Array>;
  readonly statistics: GradientStatistics;
}

async function computed(client: GradientClient, request: ComputeGradientsRequestInput): Promise<Answer> {
  let header: GradientHeader | undefined;
  let statistics: GradientStatistics | undefined;
  let assembler: TensorAssembler | undefined;
  for await (const message of client.ComputeGradients(request, { deadlineMs })) {
    if (message.header) {
      header = message.header;
      assembler = new TensorAssembler(header.tensors);
    }
    if (message.chunk) assembler?.add(message.chunk);
    if (message.statistics) statistics = message.statistics;
  }
  assert.ok(header !== undefined && assembler !== undefined && statistics !== undefined);
  const tensors = assembler.finish().map(({ header: { name }, data }) => [name, data as Float32Array] as const);
  return { header, gradients: new Map(tensors), statistics };
}

describe('the gradient service', () => {
  const owner = suiteOwner();
  let policy: TinyPolicy;
  let coordinator: PolicyServer;
  let client: GradientClient;
  let oldLogprobs: Float32Array;
  const whole = () => shard(0, 4, oldLogprobs);

  before(async () => {
    policy = await tinyPolicy(owner);
    coordinator = await versionsOf(owner, policy);
    const worker = { thread: new URL('./gradientThread.js', import.meta.url), service: gradientService };
    const address = await serveWorker<GradientTasks>(owner, worker, coordinator);
    client = connect('gapo.gradient.v1.GradientService', address);
    owner.after(async () => client.close());
    const evaluator = await Evaluator.open(policy.model, tinyTrainable, { threads: 1 });
    oldLogprobs = (await evaluator.evaluate(policy.version(0), sequences, loss.temperature)).logprobs;
    await evaluator.close();
  });

  test('log-probabilities are those of the evaluator, to the last bit', async () => {
    const { logprobs } = await client.LogProbs(
      { policy: policy.ref(0), sequences: onTheWire(sequences), temperature: loss.temperature },
      { deadlineMs },
    );
    assert.deepEqual(fromTensor(logprobs, 'DATA_TYPE_F32').data, oldLogprobs);
  });

  test('next_version is pulled once in the meantime, and a failure of that pull does not fail the call', async (t) => {
    const server = await versionsOf(t, policy, 2);
    const worker = { thread: new URL('./gradientThread.js', import.meta.url), service: gradientService };
    const own = connect('gapo.gradient.v1.GradientService', await serveWorker<GradientTasks>(t, worker, server));
    t.after(async () => own.close());
    const request = { policy: policy.ref(0), sequences: onTheWire(sequences), temperature: loss.temperature };
    await own.LogProbs({ ...request, nextVersion: 9 }, { deadlineMs });
    await own.LogProbs({ ...request, nextVersion: 1 }, { deadlineMs });
    assert.deepEqual(server.pulls, [0, 9, 1]);
    await computed(own, { ...toRequest(policy, whole()), policy: policy.ref(1) });
    assert.deepEqual(server.pulls, [0, 9, 1]);
  });

  test('gradients and statistics are those of the engine, to the last bit', async () => {
    const answer = await computed(client, toRequest(policy, whole()));
    const engine = new GradientEngine(policy.model, tinyTrainable, { threads: 1 });
    const direct = await engine.compute(policy.version(0), whole());
    await engine.close();
    assert.deepEqual([...answer.gradients.keys()], [...objectives, 'regularizer']);
    assert.deepEqual([...answer.gradients.values()], [...direct.objectives, direct.regularizer]);
    assert.ok(direct.objectives.every((gradient) => gradient.some((x) => x !== 0)));
    const { tokens, klSum, entropySum, maxLogprobGap } = direct.statistics;
    assert.deepEqual(
      { ...answer.statistics },
      { tokens, klSum, entropySum, maxLogprobGap, clipped: [0, 0], valueLossSum: [] },
    );
    const trained = policy.version(0).map(({ name, shape }) => [name, shape]);
    assert.deepEqual(
      answer.header.parameters.map(({ name, shape }) => [name, shape]),
      trained,
    );
  });

  test('a shard is computed as the request says: split, with recomputation, in float16', async () => {
    const asked = { precision: 'PRECISION_F16' as const, memoryBudget: 1, recompute: true };
    const ref = policy.ref(0);
    const request = { ...toRequest(policy, whole()), policy: { ...ref, spec: { ...ref.spec, computation: asked } } };
    const answer = await computed(client, request);
    const engine = new GradientEngine(policy.model, tinyTrainable, { ...asked, threads: 1, precision: 'float16' });
    const direct = await engine.compute(policy.version(0), whole());
    await engine.close();
    assert.deepEqual([...answer.gradients.values()], [...direct.objectives, direct.regularizer]);
    const usual = await computed(client, toRequest(policy, whole()));
    assert.notDeepEqual([...answer.gradients.values()], [...usual.gradients.values()]);
  });

  test('two shards add up to the whole batch', async () => {
    const [all, first, second] = await Promise.all(
      [whole(), shard(0, 2, oldLogprobs), shard(2, 4, oldLogprobs)].map((input) =>
        computed(client, toRequest(policy, input)),
      ),
    );
    assert.ok(all !== undefined && first !== undefined && second !== undefined);
    for (const [name, expected] of all.gradients) {
      const [a, b] = [first.gradients.get(name), second.gradients.get(name)];
      const gap = Math.hypot(...expected.map((x, i) => (a?.[i] as number) + (b?.[i] as number) - x));
      assert.ok(gap <= 1e-6 * Math.hypot(...expected), `${name}: ${gap} of ${Math.hypot(...expected)}`);
    }
    assert.equal(first.statistics.tokens + second.statistics.tokens, all.statistics.tokens);
  });

  describe('cheaper sources of the combination’s weights', () => {
    const from = (source: GradientSource, more: object = {}) => {
      const request = toRequest(policy, whole());
      return computed(client, { ...request, loss: { ...loss, objectives, source, ...more } });
    };

    test('LAST_LAYER: that part of the exact gradients, named, without the regularizer', async () => {
      const exact = await computed(client, toRequest(policy, whole()));
      const last = await from('GRADIENT_SOURCE_LAST_LAYER');
      assert.deepEqual([...last.gradients.keys()], objectives);
      const names = last.header.parameters.map(({ name }) => name);
      const all = exact.header.parameters.map(({ name }) => name);
      assert.ok(names.length > 0);
      assert.deepEqual(names, all.slice(-names.length));
      for (const [name, gradient] of last.gradients) {
        const part = exact.gradients.get(name)?.slice(-gradient.length) as Float32Array;
        const gap = Math.hypot(...gradient.map((x, i) => x - (part[i] as number)));
        assert.ok(gap <= 1e-6 * Math.hypot(...part), `${name}: ${gap}`);
      }
    });

    test('LOGITS: one Gram matrix, that of the engine', async () => {
      const { gradients, header } = await from('GRADIENT_SOURCE_LOGITS');
      assert.deepEqual([...gradients.keys()], ['gram']);
      assert.deepEqual(header.tensors[0]?.shape, [2, 2]);
      const engine = await LogitGramEngine.open(policy.model, tinyTrainable, { threads: 1 });
      assert.deepEqual(gradients.get('gram'), await engine.compute(policy.version(0), whole()));
      await engine.close();
    });

    test('PROJECTION: the exact gradients, projected', async () => {
      const exact = await computed(client, toRequest(policy, whole()));
      const { gradients } = await from('GRADIENT_SOURCE_PROJECTION', { projectionDimensions: 8, projectionSeed: 5 });
      for (const name of objectives) {
        assert.deepEqual(gradients.get(name), project(exact.gradients.get(name) as Float32Array, 8, 5));
      }
      await assert.rejects(
        from('GRADIENT_SOURCE_PROJECTION'),
        failsWith('INVALID_ARGUMENT', /^projection_dimensions is 0/),
      );
    });
  });

  const refused = (input: ComputeGradientsRequestInput, code: RpcCode, details: RegExp) =>
    assert.rejects(computed(client, input), failsWith(code, details));
  const holed = (values: Float32Array, x: number) => values.map((value, i) => (i === 3 ? x : value));
  type Request = ComputeGradientsRequestInput;
  const wrong: readonly (readonly [string, (good: Request, input: ShardInput) => Request, RegExp])[] = [
    ['no loss', (good) => ({ ...good, loss: null }), /^loss is not set/],
    ['no objectives', (good) => ({ ...good, loss: { ...loss, objectives: [] } }), /^loss\.objectives is empty/],
    [
      'an objective called as the regularisers are',
      (good) => ({ ...good, loss: { ...loss, objectives: ['regularizer', 'b'] } }),
      /^loss\.objectives has 'regularizer'/,
    ],
    ['no sequences', (good) => ({ ...good, sequences: [] }), /^sequences is empty/],
    [
      'advantages of another shape',
      (good) => ({ ...good, advantages: toTensor('advantages', [3, 2], new Float32Array(6)) }),
      /^advantages is \[3,2\]; it must be \[4 sequences, 2\] or \[11 tokens, 2\]/,
    ],
    [
      'an advantage that is not finite',
      (good, input) => ({
        ...good,
        advantages: toTensor('advantages', [4, 2], holed(input.advantages, Number.POSITIVE_INFINITY)),
      }),
      /^advantages has Infinity at element 3; it must be finite/,
    ],
    [
      'a log-probability that is no number',
      (good, input) => ({ ...good, oldLogprobs: toTensor('old', [11], holed(input.oldLogprobs, Number.NaN)) }),
      /^old_logprobs has NaN at element 3; it must be finite/,
    ],
    ['no log-probabilities', (good) => ({ ...good, oldLogprobs: null }), /^old_logprobs is not set/],
    [
      'a KL term without a reference',
      (good) => ({ ...good, referenceLogprobs: null }),
      /^kl_coefficient is not 0, so reference_logprobs is required/,
    ],
    [
      'too few log-probabilities',
      (good) => ({ ...good, oldLogprobs: toTensor('old', [2], new Float32Array(2)) }),
      /^old_logprobs has 2 elements, this shard needs 11/,
    ],
    [
      'a denominator of nothing',
      (good) => ({ ...good, loss: { ...loss, objectives, denominator: 0 } }),
      /^denominator is 0; it must be above 0/,
    ],
    [
      'an empty completion',
      (good) => ({ ...good, sequences: [{ promptIds: [1], completionIds: [] }, ...(good.sequences ?? []).slice(1)] }),
      /^sequence 0 has an empty completion/,
    ],
  ];
  for (const [what, change, details] of wrong) {
    test(`${what} is INVALID_ARGUMENT that names the field`, async () => {
      await refused(change(toRequest(policy, whole()), whole()), 'INVALID_ARGUMENT', details);
    });
  }

  test('weights that are not the coordinator’s are FAILED_PRECONDITION', async (t) => {
    const other = await tinyPolicy(t, 4);
    await damageWeights(other.directory);
    const request = { ...toRequest(policy, whole()), policy: other.ref(0) };
    await refused(request, 'FAILED_PRECONDITION', /has weights with SHA-256 \w+…, the coordinator's have/);
  });
});

testWorkerProcess({
  name: 'gradient',
  main: new URL('./main.js', import.meta.url),
  call: async (address, policy) => {
    const client = connect('gapo.gradient.v1.GradientService', address);
    try {
      const input = shard(0, 4, wave(tokensOf(sequences), 3, 0.1));
      const { gradients } = await computed(client, toRequest(policy, input));
      assert.equal(gradients.size, 3);
    } finally {
      client.close();
    }
  },
});
