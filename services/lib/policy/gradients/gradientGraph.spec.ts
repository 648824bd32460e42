import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Session, type TensorArray } from '@gapo/graph';
import { type NamedTensor, type TrainableSpec, initialTensors, trainableTensors } from '@gapo/model';
import { surrogate as clippedSurrogate, importanceRatio, klLoss, valueLoss } from '@gapo/objectives';
import { toBatch } from '../batches/batch.js';
import { pick } from '../decoder/completions.js';
import { tinyConfig, tinyModel } from '../tinyModel.fixture.js';
import { shardFeeds } from './gradientEngine.js';
import { type GradientGraphOptions, gradientGraph, gradientNames } from './gradientGraph.js';

const sequences = [
  { promptIds: [1, 5, 6], completionIds: [7, 3, 2] },
  { promptIds: [1, 4], completionIds: [9, 10, 8, 2] },
  { promptIds: [1, 5, 6], completionIds: [6] },
];
const tokens = 8;
const sequenceOf = [0, 0, 0, 1, 1, 1, 1, 2];
const model = tinyModel();
const lora = {
  rank: 2,
  alpha: 4,
  targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
};

const wave = (size: number, seed: number, scale: number): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => scale * Math.sin(1.7 * i + seed));

/** A version in which nothing is zero, so that every tensor has a gradient. */
function version(spec: TrainableSpec): readonly NamedTensor[] {
  return initialTensors(tinyConfig, spec, 5, model.weights).map(({ name, shape, data }, index) => ({
    name,
    shape,
    data: data.every((x) => x === 0) ? wave(data.length, index, 0.3) : data,
  }));
}

interface Settings {
  readonly spec: TrainableSpec;
  readonly passes: GradientGraphOptions['passes'];
  /** [sequences, K] or [tokens, K]. */
  readonly advantages: Float32Array;
  readonly oldLogprobs: Float32Array;
  /** Whether the first and the last sequence share their prompt's rows. @default true */
  readonly shared?: boolean;
}

const objectives = 2;
const clipRange = 0.2;
const loss = {
  denominator: 8,
  temperature: 0.8,
  klCoefficient: 0.3,
  entropyCoefficient: 0.2,
  valueCoefficient: 0.7,
  valueClip: 0.25,
};
const referenceLogprobs = wave(tokens, 3, 0.5).map((x) => x - 2);
const oldValues = wave(tokens * objectives, 4, 0.6);
const returns = wave(tokens * objectives, 8, 1);

async function open({ spec, passes, shared = true }: Pick<Settings, 'spec' | 'passes' | 'shared'>): Promise<Session> {
  const graph = gradientGraph(
    { config: tinyConfig, spec, objectives, passes, clipRange, regularized: true, shared, precision: 'float64' },
    model.weights,
  );
  return Session.open(graph.toModel(), { threads: 1 });
}

/** All inputs in float64. */
function feeds({ spec, passes, advantages, oldLogprobs, shared = true }: Settings): Record<string, TensorArray> {
  const batch = toBatch(sequences, tinyConfig.context, shared);
  const all = shardFeeds(
    version(spec),
    {
      sequences,
      advantages,
      advantagesPer: passes === 'token' ? 'token' : 'sequence',
      objectives,
      oldLogprobs,
      clipRange,
      ...loss,
      referenceLogprobs,
      ...(spec.valueHeads > 0
        ? { value: { coefficient: loss.valueCoefficient, clip: loss.valueClip, oldValues, returns } }
        : {}),
    },
    batch,
  );
  return Object.fromEntries(
    Object.entries(all).map(([name, { data, dims }]) => [
      name,
      { data: data instanceof Float32Array ? Float64Array.from(data) : data, dims },
    ]),
  );
}

interface Outputs {
  readonly logprobs: Float64Array;
  readonly entropy: Float64Array;
  readonly values: Float64Array | undefined;
}

/** PPO's surrogate of objective k, from the forward losses alone. */
function surrogate(k: number, { passes, advantages, oldLogprobs }: Settings, { logprobs }: Outputs): number {
  let total = 0;
  for (let n = 0; n < tokens; n++) {
    const a = advantages[(passes === 'token' ? n : (sequenceOf[n] as number)) * objectives + k] as number;
    total += clippedSurrogate(importanceRatio(logprobs[n] as number, oldLogprobs[n] as number), a, clipRange);
  }
  return total / loss.denominator;
}

/** The regularizers, from the forward losses alone: −β k2 + entropy bonus − clipped value loss. */
function regularizer({ logprobs, entropy, values }: Outputs): number {
  let total = 0;
  for (let n = 0; n < tokens; n++) {
    total -= loss.klCoefficient * klLoss(logprobs[n] as number, referenceLogprobs[n] as number);
    total += loss.entropyCoefficient * (entropy[n] as number);
    for (let k = 0; values !== undefined && k < objectives; k++) {
      const at = n * objectives + k;
      const [value, oldValue, target] = [values[at], oldValues[at], returns[at]] as [number, number, number];
      total -= loss.valueCoefficient * valueLoss(value, { target, oldValue, clip: loss.valueClip });
    }
  }
  return total / loss.denominator;
}

async function checkAgainstDifferences(settings: Settings): Promise<void> {
  const session = await open(settings);
  const base = feeds(settings);
  const run = async (changed: Record<string, TensorArray>): Promise<Record<string, TensorArray>> =>
    session.run(pick({ ...base, ...changed }, session.inputNames));
  const read = (outputs: Record<string, TensorArray>): Outputs => ({
    logprobs: outputs['logprobs']?.data as Float64Array,
    entropy: outputs['entropy']?.data as Float64Array,
    values: outputs['values']?.data as Float64Array | undefined,
  });
  const analytic = await run({});
  const functions = [
    ...Array.from({ length: objectives }, (_, k) => (outputs: Outputs) => surrogate(k, settings, outputs)),
    regularizer,
  ];
  const step = 1e-5;
  for (const { name } of trainableTensors(tinyConfig, settings.spec)) {
    const { data, dims } = base[name] as TensorArray<Float64Array>;
    const stride = Math.max(1, Math.floor(data.length / 5));
    const squares = functions.map(() => ({ gap: 0, norm: 0 }));
    for (let at = 0; at < data.length; at += stride) {
      const moved = async (by: number): Promise<number[]> => {
        const now = read(await run({ [name]: { data: data.map((x, i) => (i === at ? x + by : x)), dims } }));
        // The critics read the detached hidden state, so changes to the trunk must not count towards their
        // loss.
        const outputs = name.startsWith('value_head.') ? now : { ...now, values: read(analytic).values };
        return functions.map((f) => f(outputs));
      };
      const [up, down] = [await moved(step), await moved(-step)];
      functions.forEach((_, f) => {
        const numeric = ((up[f] as number) - (down[f] as number)) / (2 * step);
        const output = analytic[f < objectives ? gradientNames.objectives(name) : gradientNames.regularizer(name)];
        const found = output === undefined ? 0 : (output.data[(f < objectives ? f * data.length : 0) + at] as number);
        const square = squares[f] as { gap: number; norm: number };
        square.gap += (numeric - found) ** 2;
        square.norm += numeric ** 2;
      });
    }
    squares.forEach(({ gap, norm }, f) => {
      const error = Math.sqrt(gap) / Math.max(Math.sqrt(norm), 1e-4);
      assert.ok(error < 1e-6, `${name}, ${f < objectives ? `objective ${f}` : 'regularizer'}: relative error ${error}`);
    });
  }
  await session.close();
}

/** Old log-probabilities at which some ratios are inside the clip range and some outside on either side. */
async function clippingOldLogprobs(spec: TrainableSpec): Promise<Float32Array> {
  const settings: Settings = {
    spec,
    passes: 'unclipped',
    advantages: new Float32Array(6),
    oldLogprobs: new Float32Array(tokens),
  };
  const session = await open(settings);
  const outputs = await session.run(pick(feeds(settings), session.inputNames));
  await session.close();
  const shifts = [0.4, -0.4, 0.05, 0.5, -0.1, -0.6, 0.3, 0.02];
  return Float32Array.from(outputs['logprobs']?.data as Float64Array, (x, n) => x + (shifts[n] as number));
}

const perSequence = Float32Array.of(1.2, -0.9, -0.7, 0.3, 0.4, -1.1); // [sequences, K]
const perToken = wave(tokens * objectives, 11, 1.3);
const adapters: TrainableSpec = { lora, valueHeads: 0 };
const withCritics: TrainableSpec = { lora, valueHeads: objectives };
const full: TrainableSpec = { valueHeads: 0 };

describe('the whole loss agrees with central differences in float64 to 1e-6', () => {
  test('adapters, one advantage per sequence, tokens clipped on either side', async () => {
    const oldLogprobs = await clippingOldLogprobs(adapters);
    await checkAgainstDifferences({ spec: adapters, passes: 'signed', advantages: perSequence, oldLogprobs });
  });
  test('adapters with value heads, an advantage for each token', async () => {
    const oldLogprobs = await clippingOldLogprobs(withCritics);
    await checkAgainstDifferences({ spec: withCritics, passes: 'token', advantages: perToken, oldLogprobs });
  });
  test('all weights', async () => {
    const oldLogprobs = await clippingOldLogprobs(full);
    await checkAgainstDifferences({ spec: full, passes: 'signed', advantages: perSequence, oldLogprobs });
  });
});

/** Every output of a graph. */
async function outputsOf(settings: Settings): Promise<Record<string, TensorArray>> {
  const session = await open(settings);
  const outputs = await session.run(pick(feeds(settings), session.inputNames));
  await session.close();
  return outputs;
}

function assertEqual(mine: TensorArray | undefined, other: TensorArray | undefined, bound: number, what: string): void {
  const [a, b] = [mine?.data as Float64Array, other?.data as Float64Array];
  assert.equal(a.length, b.length);
  const gap = Math.hypot(...b.map((x, i) => x - (a[i] as number)));
  assert.ok(gap <= bound * Math.hypot(...b), `${what}: ${gap}`);
}

for (const [what, spec] of [
  ['adapters', adapters],
  ['all weights', full],
] as const) {
  test(`the shared backward pass gives the gradients of separate passes: ${what}`, async () => {
    const oldLogprobs = await clippingOldLogprobs(spec);
    const spread = Float32Array.from(
      sequenceOf.flatMap((sequence) => [...perSequence.subarray(sequence * objectives, (sequence + 1) * objectives)]),
    ); // [tokens, K]
    const one = await outputsOf({ spec, passes: 'signed', advantages: perSequence, oldLogprobs });
    const separate = await outputsOf({ spec, passes: 'token', advantages: spread, oldLogprobs });
    for (const { name } of trainableTensors(tinyConfig, spec)) {
      const output = gradientNames.objectives(name);
      assertEqual(one[output], separate[output], 1e-6, name);
    }
  });
}

for (const [what, spec, passes, advantages] of [
  ['adapters, no token clipped', adapters, 'unclipped', perSequence],
  ['adapters, tokens clipped on either side', adapters, 'signed', perSequence],
  ['adapters with value heads, an advantage for each token', withCritics, 'token', perToken],
  ['all weights', full, 'signed', perSequence],
] as const) {
  test(`prompts that completions share give what prompts of their own give, to 1e-12 in float64: ${what}`, async () => {
    const oldLogprobs = await clippingOldLogprobs(spec);
    const settings = { spec, passes, advantages, oldLogprobs };
    const own = await outputsOf({ ...settings, shared: false });
    const together = await outputsOf({ ...settings, shared: true });
    assert.deepEqual(Object.keys(together).sort(), Object.keys(own).sort());
    for (const name of Object.keys(own)) assertEqual(together[name], own[name], 1e-12, name);
  });
}
