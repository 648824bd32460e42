import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { llamaConfig } from '../architectures/llama.js';
import { refused } from '../refusal.fixture.js';
import { tinyShape } from '../testing.fixture.js';
import { readAdapterConfig } from './adapterConfig.js';
import type { LoraSpec } from './trainable.js';

const values = new URL('../../../../../test/oracle/values/adapters.json', import.meta.url);
/** PEFT's LoraConfig with its defaults, written by test/oracle/torch/adapters.py. */
const { defaults } = z
  .object({ defaults: z.record(z.string(), z.unknown()) })
  .parse(JSON.parse(readFileSync(values, 'utf8')));
const config = llamaConfig(tinyShape({ layers: 3 }));

let directory = '';
before(async () => void (directory = await mkdtemp(join(tmpdir(), 'gapo-adapter-config-'))));
after(() => rm(directory, { recursive: true }));

async function read(changes: object, ignoreKeys: readonly string[] = []): Promise<LoraSpec> {
  const json = { ...defaults, target_modules: ['q_proj'], ...changes };
  await writeFile(join(directory, 'adapter_config.json'), JSON.stringify(json));
  return (await readAdapterConfig(directory, config, { ignoreKeys })).lora;
}

describe('adapter_config.json', () => {
  test('has no key of PEFT that is unknown, and PEFT’s defaults', async () => {
    assert.ok(Object.keys(defaults).length > 40);
    const expected = { rank: 8, alpha: 8, targets: ['q_proj'] };
    assert.deepEqual(await read({}), expected);
    await writeFile(
      join(directory, 'adapter_config.json'),
      JSON.stringify({ peft_type: 'LORA', target_modules: ['q_proj'] }),
    );
    assert.deepEqual((await readAdapterConfig(directory, config)).lora, expected);
  });

  test('names modules by their last parts where all of that name have adapters', async () => {
    const { targets } = await read({ target_modules: '.*(up_proj|layers\\.[02].*(k|v)_proj)' });
    const some = [0, 2].flatMap((layer) => ['k', 'v'].map((of) => `model.layers.${layer}.self_attn.${of}_proj`));
    assert.deepEqual([...targets].sort(), [...some, 'up_proj']);
  });

  test('has ranks and alphas of single modules as exceptions, in the scale of rsLoRA too', async () => {
    const patterns = { rank_pattern: { 'layers.1.self_attn.q_proj': 2 }, alpha_pattern: { '.*2.*q_proj': 3 } };
    const module = (layer: number): string => `model.layers.${layer}.self_attn.q_proj`;
    assert.deepEqual((await read(patterns)).exceptions, [
      { module: module(1), rank: 2, alpha: 8 },
      { module: module(2), rank: 8, alpha: 3 },
    ]);
    const { alpha, exceptions } = await read({ ...patterns, use_rslora: true });
    assert.equal(alpha, 8 * Math.sqrt(8));
    assert.deepEqual(
      exceptions?.map((one) => one.alpha),
      [8 * Math.sqrt(2), 3 * Math.sqrt(8)],
    );
  });

  test('understands the syntax of Python’s patterns', async () => {
    const all = ['model.layers.0.self_attn.q_proj', 'model.layers.2.self_attn.q_proj'];
    for (const pattern of ['(?i)\\AMODEL\\.LAYERS\\.[02].*Q_PROJ\\Z', '.*\\.(?P<layer>[02])\\..*\\.q_proj']) {
      assert.deepEqual((await read({ target_modules: pattern })).targets, all, pattern);
    }
  });

  for (const init of ['pissa', 'pissa_niter_16', 'olora', 'corda', 'loftq', 'lora_ga', 'mica']) {
    test(`that starts with ${init} is refused by the key`, () =>
      refused(read({ init_lora_weights: init }), new RegExp(`init_lora_weights is not supported: .*it is "${init}"$`)));
  }

  for (const [key, value] of Object.entries({
    alora_invocation_tokens: [1, 2],
    bias: 'lora_only',
    layer_replication: [[0, 2]],
    lora_bias: true,
    target_parameters: ['mlp.experts'],
    trainable_token_indices: [5],
    use_dora: true,
    use_qalora: true,
  })) {
    test(`with ${key} is refused by the key, which can be ignored`, async () => {
      await refused(read({ [key]: value }), new RegExp(`adapter_config\\.json: ${key} is not supported: `));
      assert.deepEqual((await read({ [key]: value }, [key])).targets, ['q_proj']);
    });
  }

  test('of another kind, or with an unknown key, is refused by what was found', async () => {
    await refused(
      read({ peft_type: 'VERA' }),
      /peft_type must be 'LORA': other adapters are not supported, and it is "VERA"/,
    );
    await refused(read({ use_new_method: true }), /unknown key use_new_method \(true\)/);
  });

  test('whose patterns match nothing, are damaged or do not end is refused', async () => {
    await refused(read({ target_modules: 'q_proj' }), /target_modules names no linear map of the model/);
    await refused(read({ target_modules: '(q_proj' }), /target_modules '\(q_proj' is not a regular expression/);
    await refused(
      read({ target_modules: '((m|o|d|e|l|.)*)*x', rank_pattern: { '*': 2 } }),
      /target_modules '.*' is not a regular expression that ends in time; .*rank_pattern has '\*'/,
    );
    await refused(read({ target_modules: '.*q_proj', layers_to_transform: 1 }), /layers_to_transform needs a list/);
  });
});
