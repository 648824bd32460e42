/** `gapo plan`: from config.json and a run configuration, with its defaults. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Plan, RunExtents } from '@gapo/model';
import { gapo, temporaryFolder, writeTinyProject } from './cli.fixture.js';
import { readConfigFile } from './configFile.js';

/** The config.json of a Llama-2-shaped model of seven billion parameters. */
const seven = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_act: 'silu',
  vocab_size: 32_000,
  hidden_size: 4096,
  intermediate_size: 11_008,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 32,
  max_position_embeddings: 4096,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  tie_word_embeddings: false,
  bos_token_id: 1,
  eos_token_id: 2,
};

const minimal =
  'name: seven\nsteps: 3\npolicy: { model: model }\ndata: { prompts: p }\nobjectives: [{ name: a }, { name: b }]\n';

/** Writes run.yaml and model/config.json, without weights. Returns the path of run.yaml. */
function writeProject(t: TestContext, yaml = minimal): string {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'model'));
  writeFileSync(join(folder, 'model/config.json'), JSON.stringify(seven));
  const path = join(folder, 'run.yaml');
  writeFileSync(path, yaml);
  return path;
}

test('seven billion parameters without their weights', async (t) => {
  const path = writeProject(t);
  const { code, stdout, stderr } = await gapo(t, ['plan', path, '--device', 'cuda', '--json']);
  assert.equal(code, 0, stderr);
  const plan = JSON.parse(stdout) as Plan & { run: RunExtents };
  assert.equal(plan.parameters, 6_738_415_616);
  // Rank 16 on every linear map: 16 · (in + out) for each.
  assert.equal(plan.trained, 32 * 16 * (4 * 2 * 4096 + 3 * (4096 + 11_008)));
  const [rollout, gradient] = plan.workers;
  assert.ok(rollout.deviceBytes > 2 * 4 * plan.parameters);
  assert.ok(gradient.deviceBytes > 4 * plan.parameters);
  assert.deepEqual([plan.run.objectives, plan.run.promptTokens, plan.run.completionTokens], [2, 256, 48]);

  const text = await gapo(t, ['plan', path, '--teraflops', '100']);
  assert.match(
    text.stdout,
    /^6,738,415,616 parameters, frozen, and 39,976,960 trained in adapters; float32; device cpu\n/,
  );
  assert.match(text.stdout, /\nrollout {2,}all {2,}[\d.]+ GiB {2}host\n/);
  assert.match(text.stdout, /\n1 to 4 gradient workers, each with [\d.]+ GiB of memory\n/);
  assert.match(
    text.stdout,
    /\nworkers {2}shards {2}sampling {2}reference {2}gradients {2}versions {2}transfers {2}step {2}efficiency\n/,
  );
  assert.match(text.stdout, /\n {6}1 {7}4 .* 100 %\n/);
  assert.match(text.stdout, /workers of 100 TFLOP\/s, and 10 Gbit\/s through the coordinator; without rewards\n/);
});

test('the extents come from the configuration with its defaults', async (t) => {
  const path = writeProject(t);
  const { config } = readConfigFile(path);
  const { stdout } = await gapo(t, ['plan', path, '--json']);
  const { run } = JSON.parse(stdout) as { run: RunExtents };
  const { rollout, ppo, compute, policy } = config;
  assert.deepEqual(
    [run.promptsPerStep, run.samplesPerPrompt, run.completionTokens, run.batch, run.shards],
    [rollout.promptsPerStep, rollout.samplesPerPrompt, rollout.maxNewTokens, rollout.batch, rollout.shards],
  );
  assert.deepEqual([run.updates, run.epochs], [ppo.epochs * ppo.minibatches, ppo.epochs]);
  assert.deepEqual([run.reference, run.regularized, run.valueHeads], [true, true, 0]);
  assert.deepEqual([run.lora?.rank, run.lora?.alpha], [policy.lora?.rank, policy.lora?.alpha]);
  assert.deepEqual(run.lora?.targets.length, 7);
  assert.deepEqual(
    [run.precision, run.activationBudget, run.recompute],
    [compute.precision, compute.memoryBudget * 2 ** 20, compute.recompute],
  );
});

test('the engines that are chosen are planned, with what does not fit and how long a step takes', async (t) => {
  const path = writeProject(t);
  const engines = [
    '--device',
    'cuda',
    '--rollout-engine',
    'vllm',
    '--gradient-engine',
    'pytorch',
    '--gradient-gpus',
    '4',
  ];
  const { code, stdout, stderr } = await gapo(t, [
    'plan',
    path,
    ...engines,
    '--gpu-memory',
    '80',
    '--teraflops',
    '400',
  ]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /\n {13}weights {2,}3\.14 GiB {2}cuda {2,}2 · 6738415616 parameters \/ 4\n/);
  assert.match(
    stdout,
    /gradient workers, each with [\d.]+ GiB of memory and [\d.]+ GiB on each of its 4 cuda devices\n/,
  );
  assert.match(stdout, /\nA rollout worker fits in nine tenths of a GPU's 80 GiB\. Its server then has room for \d+ sequences of 304 tokens\.\n/); // prettier-ignore
  assert.match(stdout, /\nwithin a gradient worker: 9\.05 GiB of weights to each GPU for a pass over a micro-batch\n/);
  assert.match(
    stdout,
    /workers \(rollout: vllm on 1, gradient: pytorch on 4\), each GPU with 400 TFLOP\/s, and 10 Gbit/,
  );

  const small = await gapo(t, ['plan', path, ...engines, '--gpu-memory', '6']);
  assert.match(small.stdout, /\nA rollout worker does not fit in nine tenths of a GPU's 6 GiB: .*--rollout-gpus/);
  assert.match(small.stdout, /\nA gradient worker does not fit in nine tenths of a GPU's 6 GiB: .*--gradient-gpus/);
});

test('a run that starts from an adapter has the rank, alpha and targets of its files', async (t) => {
  const path = writeProject(t, minimal.replace('model: model', 'model: model, adapter: adapter'));
  const adapter = join(dirname(path), 'adapter');
  mkdirSync(adapter);
  const adapterConfig = { peft_type: 'LORA', r: 3, lora_alpha: 6, target_modules: ['q_proj', 'v_proj'] };
  writeFileSync(join(adapter, 'adapter_config.json'), JSON.stringify(adapterConfig));
  const { code, stdout, stderr } = await gapo(t, ['plan', path, '--json']);
  assert.equal(code, 0, stderr);
  const { run } = JSON.parse(stdout) as { run: RunExtents };
  assert.deepEqual(run.lora, { rank: 3, alpha: 6, targets: ['q_proj', 'v_proj'] });
});

test('what a run refuses of the tokenizer and the data is refused, unless --skip-data leaves it out', async (t) => {
  const folder = temporaryFolder(t);
  const { config } = await writeTinyProject(folder, 1);
  const { policy, data } = readConfigFile(config).config;
  assert.equal((await gapo(t, ['plan', config])).code, 0);
  const prompts = resolve(dirname(config), data.prompts ?? '');
  writeFileSync(prompts, '{"prompt": "Where?"}\n{"question": "Where?"}\n');
  const refused = await gapo(t, ['plan', config]);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /:2: prompt: /);
  assert.equal((await gapo(t, ['plan', config, '--skip-data'])).code, 0);
  writeFileSync(resolve(dirname(config), policy.model, 'tokenizer.json'), '{}');
  const damaged = await gapo(t, ['plan', config]);
  assert.equal(damaged.code, 2);
  assert.match(damaged.stderr, /tokenizer\.json: is not a tokenizer/);
});

test('an error is one line that says what to fix', async (t) => {
  const fails = async (yaml: string, more: readonly string[], message: RegExp): Promise<void> => {
    const { code, stderr } = await gapo(t, ['plan', writeProject(t, yaml), ...more]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
  };
  await fails(
    minimal,
    ['--prompt-tokens', '4090'],
    /maxNewTokens 48 leaves 4048 of the model's 4096 tokens for a prompt, not 4090/,
  );
  await fails(
    `${minimal.replace('prompts:', 'pairs:')}algorithm: dpo\n`,
    [],
    /algorithm is dpo: only ppo runs can be planned/,
  );
  await fails(
    minimal,
    ['--link', '10'],
    /--memory-bandwidth, --interconnect and --link estimate times together with --teraflops: add it/,
  );
  await fails(
    minimal,
    ['--gradient-gpus', '4'],
    /--gradient-gpus has no effect without --gradient-engine pytorch: add it/,
  );
  await fails(minimal, ['--gpu-memory', '80'], /--gpu-memory has no effect without --device cuda: add it/);
  await fails(minimal, ['--interconnect', '9', '--teraflops', '1'], /--interconnect has no effect without --gradient-gpus of/); // prettier-ignore
  await fails(minimal, ['--concurrency', '4'], /--concurrency has no effect without --rollout-engine vllm: add it/);
  await fails(
    minimal,
    ['--rollout-engine', 'vllm'],
    /--rollout-engine vllm is planned for GPUs alone: add --device cuda/,
  );
  await fails(`${minimal}rollout: { shards: none }\n`, [], /rollout\.shards/);
  await fails(minimal.replace('model: model', 'model: nowhere'), [], /nowhere.config\.json: does not exist/);
});
