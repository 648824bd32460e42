/**
 * The PyTorch worker against the native engine: log-probabilities, values and every kind of gradient of the same shard, for a
 * tiny checkpoint of each architecture and for the example's policy.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  type DecoderModel,
  type NamedTensor,
  type TrainableSpec,
  initialTensors,
  linearTargets,
  readDecoderModel,
  sizeOf,
  withWideWeights,
} from '@gapo/model';
import { writeFormulaCheckpoint } from '@gapo/model/testing';
import { at, fillUniforms, required } from '@gapo/numeric';
import {
  Evaluator,
  GradientEngine,
  LogitGramEngine,
  type Sequence,
  type ShardGradients,
  type ShardInput,
  project as projected,
} from '@gapo/policy';
import {
  type Client,
  type ComputeGradientsRequestInput,
  type GradientSource,
  type PolicyRefInput,
  TensorAssembler,
  type TensorData,
  connect,
  fromTensor,
  toTensor,
} from '@gapo/rpc';
import { type Owner, deadlineMs, policyServer, suiteOwner, versionMessages } from '@gapo/worker/testing';
import { project } from '../../platform.fixture.js';
import { type PytorchWorker, skip, startPytorchWorker } from './worker.js';

/** The config.json of each checkpoint, as written by transformers. */
const { examples } = JSON.parse(readFileSync(join(project, 'test/oracle/values/architectures.json'), 'utf8')) as {
  readonly examples: Readonly<Record<string, { readonly saved: Readonly<Record<string, unknown>> }>>;
};

/** Relative, in float32. */
const tolerance = 1e-4;
const objectives = ['helpful', 'harmless', 'honest'];
const k = objectives.length;
const projection = { dimensions: 32, seed: 2 ** 45 + 7 };

/** Uniform in ±scale. */
const random = (size: number, seed: number, scale: number): Float32Array =>
  fillUniforms(new Float32Array(size), seed, 0, 0, 0).map((x) => scale * (2 * x - 1));

const tokensOf = (sequences: readonly Sequence[]): number =>
  sequences.reduce((total, { completionIds }) => total + completionIds.length, 0);

/** A model, its trained part, and one version. */
interface Subject {
  readonly run: string;
  readonly directory: string;
  readonly model: DecoderModel;
  readonly spec: TrainableSpec;
  readonly version: readonly NamedTensor[];
  readonly sequences: readonly Sequence[];
}

function policyOf({ run, directory, model, spec: { lora, valueHeads } }: Subject): PolicyRefInput {
  const trained = lora
    ? {
        loraRank: lora.rank,
        loraAlpha: lora.alpha,
        loraTargets: [...lora.targets],
        loraExceptions: [...(lora.exceptions ?? [])],
      }
    : {};
  const mode = lora ? ('TRAINING_MODE_LORA' as const) : ('TRAINING_MODE_FULL' as const);
  return {
    runId: run,
    version: 1,
    spec: { model: directory, modelSha256: model.sha256, mode, ...trained, valueHeads },
  };
}

/** Tensors that differ from the start of training. */
function movedVersion(model: DecoderModel, spec: TrainableSpec): readonly NamedTensor[] {
  return initialTensors(model.config, spec, 5, model.weights).map(({ name, shape, data }, index) => {
    const noise = random(data.length, 100 + index, spec.lora === undefined ? 0.02 : 0.2);
    return { name, shape, data: data.map((x, i) => x + at(noise, i)) };
  });
}

/** The request sent to both. */
function shardOf(
  { sequences, spec }: Subject,
  logprobs: Float32Array,
  per: 'sequence' | 'token',
  clips: boolean,
): ShardInput {
  const tokens = tokensOf(sequences);
  const heads = spec.valueHeads;
  const spread = random(tokens, 2, clips ? 0.8 : 0.1);
  return {
    sequences,
    advantages: random(k * (per === 'token' ? tokens : sequences.length), 1, 1),
    advantagesPer: per,
    objectives: k,
    oldLogprobs: logprobs.map((x, i) => x + at(spread, i)),
    denominator: 2 * tokens,
    temperature: 0.9,
    clipRange: 0.2,
    klCoefficient: 0.3,
    referenceLogprobs: logprobs.map((x) => x - 0.3),
    entropyCoefficient: 0.05,
    ...(heads > 0 && {
      value: {
        coefficient: 0.7,
        clip: 0.25,
        oldValues: random(tokens * heads, 3, 1),
        returns: random(tokens * heads, 4, 1),
      },
    }),
  };
}

function requestOf(subject: Subject, input: ShardInput, source: GradientSource): ComputeGradientsRequestInput {
  const tokens = tokensOf(input.sequences);
  const { klCoefficient, entropyCoefficient, clipRange, denominator, temperature, value, referenceLogprobs } = input;
  const heads = subject.spec.valueHeads;
  return {
    policy: policyOf(subject),
    sequences: onTheWire(input.sequences),
    loss: {
      clipRange,
      klCoefficient,
      entropyCoefficient,
      valueCoefficient: value?.coefficient ?? 0,
      valueClip: value?.clip ?? 0,
      denominator,
      temperature,
      objectives,
      source,
      projectionDimensions: projection.dimensions,
      projectionSeed: projection.seed,
    },
    advantages: toTensor('advantages', [input.advantages.length / k, k], input.advantages),
    oldLogprobs: toTensor('old', [tokens], input.oldLogprobs),
    referenceLogprobs: toTensor('reference', [tokens], required(referenceLogprobs, 'a reference')),
    ...(value && {
      oldValues: toTensor('old values', [tokens, heads], value.oldValues),
      returns: toTensor('returns', [tokens, heads], value.returns),
    }),
  };
}

const onTheWire = (sequences: readonly Sequence[]) =>
  sequences.map(({ promptIds, completionIds }) => ({ promptIds: [...promptIds], completionIds: [...completionIds] }));

type Gradients = Client<'gapo.gradient.v1.GradientService'>;

/** The worker's response: tensors by name. */
async function answered(client: Gradients, request: ComputeGradientsRequestInput) {
  let assembler: TensorAssembler | undefined;
  let parameters: readonly { readonly name: string; readonly shape: readonly number[] }[] = [];
  let statistics: Partial<ShardGradients['statistics']> = {};
  for await (const message of client.ComputeGradients(request, { deadlineMs })) {
    if (message.header) {
      assembler = new TensorAssembler(message.header.tensors);
      parameters = message.header.parameters.map(({ name, shape }) => ({ name, shape }));
    }
    if (message.chunk) assembler?.add(message.chunk);
    if (message.statistics) statistics = message.statistics;
  }
  const tensors = required(assembler, 'a header').finish();
  return { tensors: new Map(tensors.map(({ header, data }) => [header.name, data])), parameters, statistics };
}

/** ‖a − b‖ ≤ tolerance · ‖b‖. */
function assertClose(found: TensorData | undefined, right: ArrayLike<number>, what: string): number {
  assert.equal(found?.length, right.length, what);
  let [gap, norm] = [0, 0];
  found.forEach((x, i) => {
    const y = at(right, i);
    gap += (x - y) ** 2;
    norm += y ** 2;
  });
  const relative = norm === 0 ? Math.sqrt(gap) : Math.sqrt(gap / norm);
  assert.ok(relative <= tolerance, `${what}: off by ${relative.toExponential(1)}`);
  return relative;
}

/** Compares everything that the worker computes for a subject. Returns the largest relative difference. */
async function compare(client: Gradients, subject: Subject): Promise<number> {
  const { model, spec, version, sequences } = subject;
  const options = { threads: 1 };
  const evaluator = await Evaluator.open(model, spec, options);
  const engine = new GradientEngine(model, spec, options);
  const gram = await LogitGramEngine.open(model, spec, options);
  const gaps: number[] = [];
  const close = (...pair: Parameters<typeof assertClose>): void => void gaps.push(assertClose(...pair));
  try {
    const right = await evaluator.evaluate(version, sequences, 0.9);
    const answer = await client.LogProbs(
      { policy: policyOf(subject), sequences: onTheWire(sequences), temperature: 0.9 },
      { deadlineMs },
    );
    close(fromTensor(answer.logprobs).data, right.logprobs, 'log-probabilities');
    if (right.values !== undefined) close(fromTensor(answer.values).data, right.values.data, 'values');

    const shards = [
      ['unclipped', shardOf(subject, right.logprobs, 'sequence', false)],
      ['clipped', shardOf(subject, right.logprobs, 'sequence', true)],
      ['advantages of tokens', shardOf(subject, right.logprobs, 'token', true)],
    ] as const;
    for (const [what, input] of shards) {
      const exact = await engine.compute(version, input);
      const { tensors, parameters, statistics } = await answered(
        client,
        requestOf(subject, input, 'GRADIENT_SOURCE_EXACT'),
      );
      assert.deepEqual(
        parameters,
        exact.parameters.map(({ name, shape }) => ({ name, shape })),
        what,
      );
      exact.objectives.forEach((gradient, i) =>
        close(tensors.get(at(objectives, i)), gradient, `${what}, objective ${i}`),
      );
      close(tensors.get('regularizer'), required(exact.regularizer, 'a regularizer'), `${what}, regularizer`);
      assertStatistics(statistics, exact.statistics);

      const last = await engine.compute(version, { ...input, scope: 'lastLayer', objectivesOnly: true });
      const lastAnswer = await answered(client, requestOf(subject, input, 'GRADIENT_SOURCE_LAST_LAYER'));
      assert.deepEqual(
        lastAnswer.parameters.map(({ name }) => name),
        last.parameters.map(({ name }) => name),
      );
      assert.deepEqual([...lastAnswer.tensors.keys()], objectives);
      last.objectives.forEach((gradient, i) =>
        close(lastAnswer.tensors.get(at(objectives, i)), gradient, `${what}, last layer`),
      );

      const projections = await answered(client, requestOf(subject, input, 'GRADIENT_SOURCE_PROJECTION'));
      assert.deepEqual(projections.parameters, []);
      exact.objectives.forEach((gradient, i) =>
        close(
          projections.tensors.get(at(objectives, i)),
          projected(gradient, projection.dimensions, projection.seed),
          `${what}, projection`,
        ),
      );

      const logits = await answered(client, requestOf(subject, input, 'GRADIENT_SOURCE_LOGITS'));
      close(logits.tensors.get('gram'), await gram.compute(version, input), `${what}, Gram matrix at the logits`);
    }
  } finally {
    await Promise.all([evaluator.close(), engine.close(), gram.close()]);
  }
  return Math.max(...gaps);
}

function assertStatistics(found: Partial<ShardGradients['statistics']>, right: ShardGradients['statistics']): void {
  assert.equal(found.tokens, right.tokens);
  assert.deepEqual(found.clipped, right.clipped);
  for (const name of ['klSum', 'entropySum', 'maxLogprobGap'] as const) {
    const gap = Math.abs((found[name] ?? NaN) - right[name]);
    assert.ok(gap <= tolerance * Math.max(1, Math.abs(right[name])), `${name}: ${found[name]}, not ${right[name]}`);
  }
  close(found.valueLossSum ?? [], right.valueLossSum);
}

function close(found: readonly number[], right: readonly number[]): void {
  assert.equal(found.length, right.length);
  found.forEach((x, i) => assert.ok(Math.abs(x - at(right, i)) <= tolerance * Math.max(1, at(right, i))));
}

describe('the PyTorch worker', { skip }, () => {
  const owner: Owner = suiteOwner();
  const versions = new Map<string, readonly NamedTensor[]>();
  let root = '';
  let worker: PytorchWorker;
  let client: Gradients;

  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'gapo-pytorch-'));
    const coordinator = await policyServer(owner, ({ runId, version }) =>
      versionMessages(version, required(versions.get(runId), runId)),
    );
    worker = await startPytorchWorker(coordinator.address);
    client = connect('gapo.gradient.v1.GradientService', worker.address);
  });
  after(async () => {
    client.close();
    await worker.stop();
    await rm(root, { recursive: true });
  });

  /** Creates a run for a model. */
  function subject(run: string, model: DecoderModel, spec: TrainableSpec, sequences: readonly Sequence[]): Subject {
    const version = movedVersion(model, spec);
    versions.set(run, version);
    return { run, directory: model.directory, model, spec, version, sequences };
  }

  /** Sequences of different lengths, longer than the windows. */
  const sequencesOf = (vocabulary: number, count: number, longest: number): readonly Sequence[] => {
    const ids = (size: number, seed: number) =>
      [...random(size, seed, 1)].map((x) => 3 + Math.floor(((x + 1) / 2) * (vocabulary - 4)));
    return Array.from({ length: count }, (_, s) => ({
      promptIds: [1, ...ids(1 + ((5 * s) % longest), 200 + s)],
      completionIds: ids(1 + ((7 * s + 3) % longest), 300 + s),
    }));
  };

  for (const [name, { saved }] of Object.entries(examples)) {
    test(`equals the native engine: ${name}`, async (t) => {
      const directory = join(root, name);
      await writeFormulaCheckpoint(directory, saved);
      const model = await readDecoderModel(directory);
      const sequences = sequencesOf(model.config.vocabulary, 5, 11);
      const lora = { rank: 3, alpha: 6, targets: linearTargets(model.config) };
      const adapters = await compare(client, subject(`${name} adapters`, model, { lora, valueHeads: 2 }, sequences));
      const full = await compare(client, subject(`${name} full`, model, { valueHeads: 2 }, sequences));
      t.diagnostic(
        `largest relative difference: adapters ${adapters.toExponential(1)}, all weights ${full.toExponential(1)}`,
      );
    });
  }

  test('equals the native engine: the example’s policy, a shard of its batch', async (t) => {
    const stored = await readDecoderModel(join(project, 'examples/assistant/models/policy'));
    const model = await withWideWeights(stored, join(root, 'wide'));
    const sequences = sequencesOf(model.config.vocabulary, 32, 48);
    const lora = { rank: 16, alpha: 32, targets: linearTargets(model.config) };
    const own = subject('example', { ...model, directory: stored.directory }, { lora, valueHeads: 0 }, sequences);
    const size = own.version.reduce((total, { shape }) => total + sizeOf(shape), 0);
    const gap = await compare(client, own);
    t.diagnostic(
      `largest relative difference of ${size} numbers and ${tokensOf(sequences)} tokens: ${gap.toExponential(1)}`,
    );
  });
});
