// `combine.source: lastLayer` in every registered architecture: the tensors of the last decoder layer and no other.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decoderLayout, loraTargets, readDecoderConfig, trainableTensors } from '@gapo/model';
import { exampleConfigs, writeArchitecture } from '@gapo/model/testing';
import { temporaryDirectory } from '@gapo/service/testing';
import { tensorsOf } from './gradientGraph.js';

for (const name of Object.keys(exampleConfigs)) {
  test(name, async (t) => {
    const directory = await temporaryDirectory(t);
    await writeArchitecture(directory, name);
    const config = await readDecoderConfig(directory);
    const { layers } = decoderLayout(config);
    const targets = loraTargets;
    for (const spec of [{ valueHeads: 0 }, { valueHeads: 0, lora: { rank: 2, alpha: 4, targets } }]) {
      const all = trainableTensors(config, spec).map((tensor) => tensor.name);
      const last = tensorsOf('lastLayer', config, spec).map((tensor) => tensor.name);
      const owned = layers.map(({ prefix }) => all.filter((tensor) => tensor.includes(prefix)));
      assert.ok(layers.length > 1 && owned.every(({ length }) => length > 0));
      assert.deepEqual(last, owned.at(-1));
      assert.equal(new Set(owned.flat()).size, owned.flat().length, 'no tensor belongs to two layers');
      assert.ok(last.length < all.length);
    }
  });
}
