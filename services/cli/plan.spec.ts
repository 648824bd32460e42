/** `gapo plan`: from config.json and a run configuration alone, with the coordinator's defaults. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Plan, RunExtents } from '@gapo/model';
import { gapo, temporaryFolder } from './cli.fixture.js';
import { projectRoot } from './project.js';
import { sizedConfig } from './sizing/runExtents.js';

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

const minimal = 'name: seven\nsteps: 3\npolicy: { model: model }\nobjectives: [{ name: a }, { name: b }]\n';

/** run.yaml beside model/config.json, and no weights. */
function material(t: TestContext, yaml = minimal): string {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'model'));
  writeFileSync(join(folder, 'model/config.json'), JSON.stringify(seven));
  const path = join(folder, 'run.yaml');
  writeFileSync(path, yaml);
  return path;
}

test('seven billion parameters without their weights', async (t) => {
  const path = material(t);
  const { code, stdout, stderr } = await gapo(t, ['plan', path, '--device', 'cuda', '--json']);
  assert.equal(code, 0, stderr);
  const plan = JSON.parse(stdout) as Plan & { run: RunExtents };
  assert.equal(plan.parameters, 6_738_415_616);
  // Rank 16 on every linear map: 16 · (in + out) for each.
  assert.equal(plan.trained, 32 * 16 * (4 * 2 * 4096 + 3 * (4096 + 11_008)));
  const [rollout, gradient] = plan.workers;
  assert.ok(rollout!.deviceBytes > 2 * 4 * plan.parameters);
  assert.ok(gradient!.deviceBytes > 4 * plan.parameters);
  assert.deepEqual([plan.run.objectives, plan.run.promptTokens, plan.run.completionTokens], [2, 256, 48]);

  const text = await gapo(t, ['plan', path, '--teraflops', '100']);
  assert.match(
    text.stdout,
    /^6,738,415,616 parameters, of which 39,976,960 beside them are trained; float32; device cpu\n/,
  );
  assert.match(text.stdout, /\nrollout {2,}all {2,}[\d.]+ GiB {2}host\n/);
  assert.match(text.stdout, /\n1 to 4 gradient workers, each with [\d.]+ GiB of memory\n/);
  assert.match(text.stdout, /s a step with one worker of 100 TFLOP\/s of each kind, [\d.]+ s with 4\n/);
});

test('defaults are those of the coordinator', async () => {
  const module = (await import(
    pathToFileURL(join(projectRoot, 'services/coordinator/dist/config/runConfig.js')).href
  )) as { parseRunConfig(text: string, source: string, services: undefined): Record<string, Record<string, unknown>> };
  const text = `${minimal}data: { prompts: prompts.jsonl }\n`;
  const theirs = module.parseRunConfig(text, 'run.yaml', undefined);
  const ours = sizedConfig.parse({
    policy: { model: 'model' },
    objectives: [{ name: 'a' }, { name: 'b' }],
  }) as unknown as Record<string, Record<string, unknown>>;
  const compare = (mine: unknown, other: unknown, path: string): void => {
    if (typeof mine !== 'object' || mine === null || Array.isArray(mine)) assert.deepEqual(mine, other, path);
    else for (const [key, value] of Object.entries(mine)) compare(value, (other as never)[key], `${path}.${key}`);
  };
  for (const part of ['algorithm', 'rollout', 'ppo', 'kl', 'entropyCoefficient', 'policy']) {
    compare(ours[part], theirs[part], part);
  }
});

test('what is wrong is one line that says what to mend', async (t) => {
  const said = async (yaml: string, more: readonly string[], message: RegExp): Promise<void> => {
    const { code, stderr } = await gapo(t, ['plan', material(t, yaml), ...more]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
  };
  await said(
    minimal,
    ['--prompt-tokens', '4090'],
    /maxNewTokens 48 leaves 4048 of the model's 4096 tokens for a prompt, not 4090/,
  );
  await said(`${minimal}algorithm: dpo\n`, [], /algorithm is dpo; sizes are known for ppo alone/);
  await said(`${minimal}rollout: { shards: none }\n`, [], /rollout\.shards/);
  await said(minimal.replace('model: model', 'model: nowhere'), [], /nowhere.config\.json: does not exist/);
});
