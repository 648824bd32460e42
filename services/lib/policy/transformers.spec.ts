/** Every architecture against the numbers computed by transformers and PEFT: test/oracle/torch/architectures.py. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  type DecoderModel,
  type NamedTensor,
  type TensorShape,
  type TrainableSpec,
  linearTargets,
  readDecoderConfig,
  readDecoderModel,
  trainableTensors,
} from '@gapo/model';
import { writeFormulaCheckpoint, formulaTensor, formulaUniform } from '@gapo/model/testing';
import { at, required } from '@gapo/numeric';
import { Evaluator } from './evaluator.js';
import { Sampler } from './sampling/sampler.js';
import { SupervisedEngine } from './supervised.js';

/** The norm of each gradient, and its product with the numbers of `formulaUniform('probe NAME')`. */
type Gradients = Readonly<Record<string, readonly [norm: number, product: number]>>;

interface Example {
  /** config.json as found on the Hub. */
  readonly config: Readonly<Record<string, unknown>>;
  /** config.json as written by transformers. */
  readonly saved: Readonly<Record<string, unknown>>;
  /** Log-probability of each token after the first. */
  readonly logprobs: readonly number[];
  /** Log-probability of every possible token after the last. */
  readonly next: readonly number[];
  readonly greedy: readonly number[];
  readonly loss: number;
  readonly gradients: Gradients;
  readonly adapter: { readonly logprobs: readonly number[]; readonly gradients: Gradients };
}

interface Values {
  readonly ids: readonly number[];
  /** The tokens of the prompt. */
  readonly prompt: number;
  readonly adapter: { readonly r: number; readonly lora_alpha: number };
  readonly examples: Readonly<Record<string, Example>>;
}

const path = fileURLToPath(new URL('../../../../test/oracle/values/architectures.json', import.meta.url));
const { ids, prompt, adapter, examples } = JSON.parse(await readFile(path, 'utf8')) as Values;
const sequence = { promptIds: ids.slice(0, prompt), completionIds: ids.slice(prompt) };
const tolerance = 1e-4;

let root = '';
before(async () => void (root = await mkdtemp(join(tmpdir(), 'gapo-transformers-'))));
after(() => rm(root, { recursive: true }));

function assertClose(found: ArrayLike<number>, expected: readonly number[], what: string): void {
  assert.equal(found.length, expected.length);
  expected.forEach((value, i) =>
    assert.ok(Math.abs(required(found[i], what) - value) < tolerance, `${what} ${i}: ${found[i]}, not ${value}`),
  );
}

/** Log-probabilities of completions under the frozen model, with adapters that change nothing. */
async function evaluated(model: DecoderModel, sequences: Parameters<Evaluator['evaluate']>[1]): Promise<Float32Array> {
  const spec = { lora: { rank: 1, alpha: 1, targets: linearTargets(model.config) }, valueHeads: 0 };
  const evaluator = await Evaluator.open(model, spec, { threads: 1 });
  const { logprobs } = await evaluator.evaluate(zeros(trainableTensors(model.config, spec)), sequences, 1);
  await evaluator.close();
  return logprobs;
}

function zeros(shapes: readonly TensorShape[]): readonly NamedTensor[] {
  return shapes.map(({ name, shape }) => ({ name, shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) }));
}

/** Compares the gradients of the mean negative log-likelihood: each norm, and each product with fixed numbers. */
function assertGradients(shapes: readonly TensorShape[], found: readonly Float32Array[], expected: Gradients): void {
  assert.deepEqual(shapes.map(({ name }) => name).sort(), Object.keys(expected).sort());
  const largest = Math.max(...Object.values(expected).map(([norm]) => norm));
  shapes.forEach(({ name }, index) => {
    const gradient = at(found, index);
    const [norm, product] = required(expected[name], name);
    const probe = formulaUniform(`probe ${name}`, gradient.length);
    const mine = gradient.reduce((sum, x, i) => sum + x * at(probe, i), 0);
    const gap = Math.max(Math.abs(Math.hypot(...gradient) - norm), Math.abs(mine - product));
    // Where a gradient is 0, such as that of a key bias without positions, float32 rounding remains.
    assert.ok(gap <= tolerance * norm + 1e-7 * largest, `${name}: off by ${gap}, the norm is ${norm}`);
  });
}

for (const [name, example] of Object.entries(examples)) {
  describe(name, () => {
    let model: DecoderModel;
    before(async () => {
      const directory = join(root, name);
      await writeFormulaCheckpoint(directory, example.config);
      model = await readDecoderModel(directory);
    });

    test('is read alike from the config.json that transformers writes', async () => {
      const directory = join(root, `${name}, saved`);
      await mkdir(directory);
      await writeFile(join(directory, 'config.json'), JSON.stringify(example.saved));
      assert.deepEqual(await readDecoderConfig(directory), model.config);
    });

    test('has the log-probabilities of transformers', async () => {
      const tokens = await evaluated(model, [{ promptIds: ids.slice(0, 1), completionIds: ids.slice(1) }]);
      assertClose(tokens, example.logprobs, 'token');
      const each = example.next.map((_, token) => ({ promptIds: ids, completionIds: [token] }));
      assertClose(await evaluated(model, each), example.next, 'next token');
    });

    test('completes greedily as transformers does, with the evaluator’s log-probabilities', async () => {
      const spec = { lora: { rank: 1, alpha: 1, targets: linearTargets(model.config) }, valueHeads: 0 };
      const version = zeros(trainableTensors(model.config, spec));
      const sampler = new Sampler(model, spec, { threads: 1 });
      const prompts = [{ index: 0, ids: sequence.promptIds }];
      const settings = { temperature: 0, maxNewTokens: 20, samplesPerPrompt: 1, seed: 0, step: 0 };
      for await (const { ids: drawn, logprobs } of sampler.sample(version, prompts, settings)) {
        assert.deepEqual(drawn, example.greedy);
        const expected = await evaluated(model, [{ promptIds: sequence.promptIds, completionIds: drawn }]);
        assertClose(logprobs, [...expected], 'sampled token');
      }
      await sampler.close();
    });

    test('has the gradients of PyTorch in every weight', async () => {
      const shapes = trainableTensors(model.config, { valueHeads: 0 });
      const engine = await SupervisedEngine.open(model.config, { valueHeads: 0 }, new Map(), { threads: 1 });
      const { loss, gradients } = await engine.compute(
        shapes.map((shape) => formulaTensor(model.config, shape)),
        [sequence],
      );
      await engine.close();
      assert.ok(Math.abs(loss - example.loss) < tolerance, `the loss is ${loss}, not ${example.loss}`);
      assertGradients(shapes, gradients, example.gradients);
    });

    test('has the gradients of PyTorch in every tensor of an adapter, by PEFT’s names', async () => {
      const lora = { rank: adapter.r, alpha: adapter.lora_alpha, targets: linearTargets(model.config) };
      const spec: TrainableSpec = { lora, valueHeads: 0 };
      const shapes = trainableTensors(model.config, spec);
      const version = shapes.map(({ name, shape }) => {
        const size = shape.reduce((a, b) => a * b, 1);
        return { name, shape, data: Float32Array.from(formulaUniform(name, size), (x) => 0.3 * x) };
      });
      const evaluator = await Evaluator.open(model, spec, { threads: 1 });
      const { logprobs } = await evaluator.evaluate(version, [sequence], 1);
      await evaluator.close();
      assertClose(logprobs, example.adapter.logprobs, 'token');
      const engine = await SupervisedEngine.open(model.config, spec, model.weights, { threads: 1 });
      const { gradients } = await engine.compute(version, [sequence]);
      await engine.close();
      assertGradients(shapes, gradients, example.adapter.gradients);
    });
  });
}
