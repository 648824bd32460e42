/** The policy in a request: errors name the field. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PolicyRef, RpcError } from '@gapo/rpc';
import { requestedPolicy } from './mod.js';

const lora: PolicyRef = {
  runId: 'run-1',
  version: 4,
  spec: {
    model: 'models/policy',
    modelSha256: 'ab',
    ignoreKeys: ['note'],
    mode: 'TRAINING_MODE_LORA',
    loraRank: 2,
    loraAlpha: 4,
    loraTargets: ['q_proj', 'up_proj'],
    loraExceptions: [],
    valueHeads: 2,
    computation: { precision: 'PRECISION_F16', memoryBudget: 512, recompute: true },
  },
};
const spec = lora.spec ?? assert.fail();

test('adapters and full training are converted to the libraries’ types', () => {
  assert.deepEqual(requestedPolicy(lora), {
    runId: 'run-1',
    version: 4,
    engine: {
      model: 'models/policy',
      modelSha256: 'ab',
      ignoreKeys: ['note'],
      trainable: { lora: { rank: 2, alpha: 4, targets: ['q_proj', 'up_proj'] }, valueHeads: 2 },
      computation: { precision: 'float16', memoryBudget: 512, recompute: true },
    },
  });
  const exceptions = [{ module: 'model.layers.0.self_attn.q_proj', rank: 1, alpha: 3 }];
  const other = { ...lora, spec: { ...spec, loraExceptions: exceptions } };
  assert.deepEqual(requestedPolicy(other).engine.trainable.lora?.exceptions, exceptions);
  const full = { ...lora, spec: { ...spec, mode: 'TRAINING_MODE_FULL' as const } };
  assert.deepEqual(requestedPolicy(full).engine.trainable, { valueHeads: 2 });
});

test('without a computation the defaults are float32, 2 GiB and no recomputation', () => {
  const usual = { precision: 'float32', memoryBudget: 2048, recompute: false };
  const unset = { precision: 'PRECISION_UNSPECIFIED' as const, memoryBudget: 0, recompute: false };
  for (const computation of [null, unset]) {
    assert.deepEqual(requestedPolicy({ ...lora, spec: { ...spec, computation } }).engine.computation, usual);
  }
});

test('every wrong field is INVALID_ARGUMENT that names it', () => {
  const wrong: readonly (readonly [PolicyRef | null, string])[] = [
    [null, 'policy is not set; name a run, a version and a specification'],
    [{ ...lora, runId: '' }, 'policy.run_id is empty'],
    [{ ...lora, spec: null }, 'policy.spec is not set'],
    [{ ...lora, spec: { ...spec, model: '' } }, 'policy.spec.model is empty; name a model directory'],
    [{ ...lora, spec: { ...spec, loraRank: 0 } }, 'policy.spec.lora_rank is 0; it must be 1 or more'],
    [{ ...lora, spec: { ...spec, loraAlpha: 0 } }, 'policy.spec.lora_alpha is 0; it must be above 0'],
    [{ ...lora, spec: { ...spec, loraAlpha: Number.NaN } }, 'policy.spec.lora_alpha is NaN; it must be above 0'],
    [
      { ...lora, spec: { ...spec, loraExceptions: [{ module: 'a.q_proj', rank: 0, alpha: 3 }] } },
      "policy.spec.lora_exceptions has rank 0 and alpha 3 for 'a.q_proj'; a rank must be 1 or more, an alpha above 0",
    ],
    [
      { ...lora, spec: { ...spec, loraTargets: ['q_proj', 'q_porj'] } },
      "policy.spec.lora_targets has 'q_porj'; known targets are q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, qkv_proj, gate_up_proj, c_attn, c_proj, c_fc",
    ],
    [
      { ...lora, spec: { ...spec, mode: 'TRAINING_MODE_UNSPECIFIED' } },
      'policy.spec.mode is TRAINING_MODE_UNSPECIFIED; it must be TRAINING_MODE_LORA or TRAINING_MODE_FULL',
    ],
  ];
  for (const [policy, message] of wrong) {
    assert.throws(
      () => requestedPolicy(policy),
      (error: unknown) => {
        assert.ok(error instanceof RpcError);
        assert.deepEqual([error.code, error.message], ['INVALID_ARGUMENT', message]);
        return true;
      },
    );
  }
});
