// A run that continues training an adapter.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseRunConfig } from '@gapo/config';
import { readDecoderModel } from '@gapo/model';
import { runYaml, startAll, train } from '../../fixtures/world.fixture.js';
import { startingAdapter } from './startingAdapter.js';

const policy = 'policy: { model: model, lora: { rank: 1, targets: [q_proj] } }';

test('a run starts exactly from the adapter, which is also its reference policy', async (t) => {
  const { world, coordinator } = await startAll(t);
  const { run: first } = await train(coordinator, world, runYaml({ steps: 3 }), 'first');
  // The steps are too small to change a float32.
  const config = runYaml({ steps: 1 })
    .replace(policy, `policy: { model: model, adapter: ${first.checkpoint} }`)
    .replace('learningRate: 0.1', 'learningRate: 1e-30');
  const second = await train(coordinator, world, config, 'second');
  assert.equal(second.run.versionSha256, first.versionSha256);
  assert.ok((second.reports[0]?.kl ?? NaN) < 1e-9);

  const model = await readDecoderModel(join(world.directory, 'model'));
  const start = (text: string) => startingAdapter(parseRunConfig(text, 'run.yaml', undefined), model, world.directory);
  const found = await start(config);
  assert.deepEqual(found?.lora, { rank: 1, alpha: 32, targets: ['q_proj'] });
  const requested = config.replace('model: model,', 'model: model, lora: { rank: 1, targets: [q_proj] },');
  assert.deepEqual(await start(requested), found, 'policy.lora may repeat the values of the adapter');
  await assert.rejects(
    start(requested.replace('rank: 1, targets: [q_proj]', 'rank: 2, alpha: 4')),
    /policy\.lora: rank 2, alpha 4, targets down_proj, .* differs from policy\.adapter .*: rank 1, alpha 32, targets q_proj; remove policy\.lora/,
  );
  await assert.rejects(
    start(config.replace(first.checkpoint, 'nowhere')),
    /nowhere\/adapter_config\.json: does not exist/,
  );
  await assert.rejects(
    start(runYaml().replace('[q_proj]', '[q_proj, c_attn]')),
    /policy\.lora\.targets: the model .* has no c_attn; it has q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj/,
  );
  assert.throws(() => start(config.replace('model: model,', 'model: model, train: full,')), /policy\.adapter/);
});
