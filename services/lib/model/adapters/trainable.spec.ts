import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { llamaConfig } from '../architectures/llama.js';
import { tinyShape } from '../testing.fixture.js';
import { initialTensors, randomDecoder, trainableTensors } from './trainable.js';

const config = llamaConfig(tinyShape({ vocabulary: 1536 }));
const weights = randomDecoder(config, 1);

describe('the trained tensors', () => {
  const spec = { lora: { rank: 3, alpha: 6, targets: ['q_proj', 'down_proj'] }, valueHeads: 2 };

  test('have PEFT’s names and shapes, in a fixed order', () => {
    assert.deepEqual(trainableTensors(config, spec), [
      { name: 'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight', shape: [3, 8] },
      { name: 'base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight', shape: [8, 3] },
      { name: 'base_model.model.model.layers.0.mlp.down_proj.lora_A.weight', shape: [3, 12] },
      { name: 'base_model.model.model.layers.0.mlp.down_proj.lora_B.weight', shape: [8, 3] },
      { name: 'value_head.weight', shape: [2, 8] },
      { name: 'value_head.bias', shape: [2] },
    ]);
  });

  test('start as the base model: B and the value heads are zero, A depends on the seed', () => {
    const base = new Map(weights.map((tensor) => [tensor.name, tensor]));
    const first = initialTensors(config, spec, 1, base);
    for (const { name, data } of first)
      assert.equal(
        data.every((x) => x === 0),
        !name.includes('lora_A'),
        name,
      );
    assert.deepEqual(initialTensors(config, spec, 1, base), first);
    assert.notDeepEqual(initialTensors(config, spec, 2, base)[0]?.data, first[0]?.data);
  });
});
