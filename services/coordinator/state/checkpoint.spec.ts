// Checkpoints: reading returns bit for bit what was written, and damage is refused with the file's name.
import assert from 'node:assert/strict';
import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseRunConfig } from '@gapo/config';
import { observeFaultPoints } from '@gapo/faults';
import { readSafetensors, sha256OfTensors, split } from '@gapo/model';
import { at } from '@gapo/numeric';
import { configSha256, UserError } from '@gapo/service';
import { scratch } from '../fixtures/world.fixture.js';
import {
  DamagedCheckpoint,
  readCheckpoint,
  sha256OfCheckpoint,
  writeCheckpoint,
  type CheckpointFolder,
  type CheckpointOwner,
} from './checkpoint.js';
import { CheckpointPace, listCheckpoints, superfluous } from './checkpointPlaces.js';
import type { TrainingState } from './trainingState.js';
import { VersionStore } from './versions.js';

const text =
  'name: x\nsteps: 10\npolicy: { model: m, lora: { rank: 1, targets: [q_proj] } }\ndata: { prompts: p }\nobjectives: [{ name: a }]\n';
const owner: CheckpointOwner = {
  runId: 'run',
  config: parseRunConfig(text, 'run.yaml', undefined),
  shapes: [
    { name: 'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight', shape: [1, 2] },
    { name: 'base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight', shape: [2, 1] },
    { name: 'value_head.bias', shape: [1] },
  ],
  adapter: { config: { peft_type: 'LORA', r: 1, target_modules: ['q_proj'] }, metadata: { format: 'pt' } },
  inputs: { 'policy.model weights': 'a'.repeat(64), 'data.prompts': 'b'.repeat(64) },
};

const retention = { every: 1, keep: 2, steps: 10 };

/** A checkpoint directory that no other coordinator takes over. */
function folder(checkpoints: string): CheckpointFolder {
  return { checkpoints, assertWritable: () => undefined };
}

function stateAt(step: number): TrainingState {
  const vector = (scale: number): Float32Array =>
    Float32Array.from({ length: 5 }, (_, i) => Math.fround(scale * (i + step / 7)));
  return {
    step,
    position: 8 * step,
    kl: { kind: 'adaptive', coefficient: 0.1 + step / 3, target: 6, horizon: 1000 },
    combination: {
      memory: { rewards: [0.1 * step], multipliers: [] },
      chosen: { step, earlier: 2, weights: [1 / 3], alpha: [1], norms: [1e-9], progress: [0.7], stationarity: 1 },
    },
    goalChanges: [
      {
        step: 2,
        author: 'me',
        at: '2025-01-31T12:00:00.000Z',
        before: { objectives: owner.config.objectives, preference: { a: 1 } },
        after: { objectives: owner.config.objectives.slice(1) },
      },
    ],
    trained: {
      parameters: vector(0.1),
      optimizer: { step: 2 * step, firstMoments: [vector(1e-3)], secondMoments: [vector(1e-9)] },
    },
    earlier: [],
    workers: { gradient: { build: '0.1.0+abc', environment: { threads: '4', device: 'cpu' } } },
  };
}

test('reading returns what was written', async (t) => {
  const parent = join(await scratch(t), 'checkpoints');
  const place = await writeCheckpoint(folder(parent), owner, stateAt(3), undefined, retention);
  const { state, report } = await readCheckpoint(place, owner);
  assert.deepEqual(state, stateAt(3));
  assert.equal(report, undefined);
  assert.equal(await sha256OfCheckpoint(place), sha256OfTensors(split(state.trained.parameters, owner.shapes)));
});

test('with staleness, reading returns the versions that later steps are sampled from, and their loss is damage', async (t) => {
  const parent = await scratch(t);
  const config = parseRunConfig(`${text}rollout: { staleness: 2 }\nppo: { epochs: 2 }\n`, 'run.yaml', undefined);
  const stale = { ...owner, config };
  const earlier = [2, 4].map((version) => ({ version, parameters: stateAt(version).trained.parameters }));
  const state = { ...stateAt(3), earlier };
  const place = await writeCheckpoint(folder(parent), stale, state, undefined, retention);
  assert.deepEqual((await readCheckpoint(place, stale)).state, state);
  const without = await writeCheckpoint(folder(parent), stale, { ...state, earlier: earlier.slice(1) }, undefined, retention); // prettier-ignore
  await assert.rejects(
    readCheckpoint(without, stale),
    (error) =>
      error instanceof DamagedCheckpoint && /tensor 2\.base_model\S+lora_A\.weight is missing/.test(error.message),
  );
});

test('a version that was hashed before is not hashed again when it is written, but when it is read', async (t) => {
  const parent = await scratch(t);
  const state = stateAt(1);
  const { parameters } = state.trained;
  new VersionStore(owner.shapes).put(2, parameters);
  const sha256 = sha256OfTensors(split(parameters, owner.shapes));
  const place = await writeCheckpoint(folder(parent), owner, state, undefined, retention);
  assert.equal(await sha256OfCheckpoint(place), sha256);
  await readCheckpoint(place, owner);
  // Vectors are never modified; changing this one shows when it is hashed.
  parameters.fill(0);
  const damaged = await writeCheckpoint(folder(parent), owner, state, undefined, retention);
  assert.equal(await sha256OfCheckpoint(damaged), sha256);
  await assert.rejects(readCheckpoint(damaged, owner), /the tensors have SHA-256 [0-9a-f]{64}, not /);
});

test('PEFT can read the adapter: its file holds no critics, and its configuration is beside it', async (t) => {
  const { directory } = await writeCheckpoint(folder(await scratch(t)), owner, stateAt(1), undefined, retention);
  const tensors = await readSafetensors(join(directory, 'adapter_model.safetensors'));
  assert.deepEqual(
    tensors.map(({ name }) => name),
    owner.shapes.slice(0, 2).map(({ name }) => name),
  );
  const config = JSON.parse(await readFile(join(directory, 'adapter_config.json'), 'utf8')) as Record<string, unknown>;
  assert.deepEqual([config['peft_type'], config['r'], config['target_modules']], ['LORA', 1, ['q_proj']]);
});

test('the newest are kept, rewriting a step replaces it, and no other files remain', async (t) => {
  const parent = await scratch(t);
  for (const step of [1, 2, 3, 3, 4]) await writeCheckpoint(folder(parent), owner, stateAt(step), undefined, retention);
  assert.deepEqual(
    (await listCheckpoints(parent)).map(({ step }) => step),
    [3, 4],
  );
  assert.deepEqual((await readdir(parent)).sort(), ['step-000003', 'step-000004']);
});

test('an incomplete checkpoint is overwritten', async (t) => {
  const parent = await scratch(t);
  const { directory } = await writeCheckpoint(folder(parent), owner, stateAt(1), undefined, retention);
  await rm(join(directory, 'state.json'));
  await writeCheckpoint(folder(parent), owner, stateAt(1), undefined, retention);
  assert.deepEqual((await readCheckpoint(at(await listCheckpoints(parent), 0), owner)).state, stateAt(1));
});

test('a coordinator that is replaced while it writes changes no checkpoint', async (t) => {
  const parent = await scratch(t);
  await writeCheckpoint(folder(parent), owner, stateAt(1), undefined, retention);
  for (const step of [1, 2]) {
    let replaced = false;
    t.after(observeFaultPoints((name) => (replaced ||= name === 'file.rename')));
    const assertWritable = (): void => {
      if (replaced) throw new UserError('in use by another coordinator');
    };
    const state = { ...stateAt(step), position: 99 };
    await assert.rejects(
      writeCheckpoint({ checkpoints: parent, assertWritable }, owner, state, undefined, retention),
      /in use by another coordinator/,
    );
    assert.deepEqual(await readdir(parent), ['step-000001']);
    assert.deepEqual((await readCheckpoint(at(await listCheckpoints(parent), 0), owner)).state, stateAt(1));
  }
});

/**
 * Changes the text of state.json and updates its hash where there is one, so that the hash does not reveal the
 * damage.
 */
function signed(before: string, after: string): (directory: string) => Promise<void> {
  return async (directory) => {
    const path = join(directory, 'state.json');
    const text = (await readFile(path, 'utf8')).replace(before, after);
    const { sha256, ...body } = JSON.parse(text) as { sha256: string };
    const hash = after.includes('[[') ? sha256 : configSha256(body);
    await writeFile(path, text.replace(`"sha256": "${sha256}"`, `"sha256": "${hash}"`));
  };
}

test('every kind of damage is refused with the file', async (t) => {
  const parent = await scratch(t);
  const damages: [damage: (directory: string) => Promise<void>, message: RegExp][] = [
    [
      (directory) => truncate(join(directory, 'adapter_model.safetensors'), 100),
      /adapter_model\.safetensors has SHA-256/,
    ],
    [(directory) => flip(join(directory, 'optimizer.safetensors')), /optimizer\.safetensors has SHA-256/],
    [(directory) => rm(join(directory, 'value_heads.safetensors')), /value_heads\.safetensors cannot be read/],
    [(directory) => rm(join(directory, 'state.json')), /state\.json cannot be read/],
    [(directory) => truncate(join(directory, 'state.json'), 50), /state\.json is not JSON/],
    [
      async (directory) => {
        const path = join(directory, 'state.json');
        await writeFile(path, (await readFile(path, 'utf8')).replace('"position": 16', '"position": 17'));
      },
      /state\.json was changed after it was written/,
    ],
    [signed('"files": {', '"files": { "../../other/state.json": "' + 'a'.repeat(64) + '",'), /state\.json: files/],
    [signed('"horizon": 1000', '"horizon": 0'), /state\.json: kl: /],
    [signed('"config": {', `"config": { "a": ${'['.repeat(20_000)}${']'.repeat(20_000)},`), /nests too deeply/],
  ];
  for (const [damage, message] of damages) {
    const place = await writeCheckpoint(folder(parent), owner, stateAt(2), undefined, retention);
    await damage(place.directory);
    await assert.rejects(readCheckpoint(place, owner), (error) => {
      assert.ok(error instanceof DamagedCheckpoint);
      assert.match(error.message, message);
      assert.match(error.message, /^checkpoint .*step-000002 is damaged: /);
      return true;
    });
  }
});

test('a checkpoint of another run, configuration or format is refused', async (t) => {
  const place = await writeCheckpoint(folder(await scratch(t)), owner, stateAt(2), undefined, retention);
  const elsewhere = { ...owner, inputs: { ...owner.inputs, 'policy.model weights': 'c'.repeat(64) } };
  await assert.rejects(
    readCheckpoint(place, elsewhere),
    /trained from other files: policy\.model weights had SHA-256 a{12}…, has c{12}… now; restore them, or create a new run/,
  );
  const evaluated = { ...owner, inputs: { ...owner.inputs, 'data.prompts': 'c'.repeat(64) } };
  assert.deepEqual((await readCheckpoint(place, evaluated)).inputs, owner.inputs, 'the caller decides about data');
  await assert.rejects(readCheckpoint(place, { ...owner, runId: 'other' }), /belongs to run run, not to other/);
  const changed = { ...owner, config: { ...owner.config, seed: 8 } };
  await assert.rejects(readCheckpoint(place, changed), /written with another configuration/);
  const path = join(place.directory, 'state.json');
  await writeFile(path, (await readFile(path, 'utf8')).replace('"format": 2', '"format": 1'));
  await assert.rejects(readCheckpoint(place, owner), /has format 1, this version reads 2; resume with the version/);
});

test('the newest two are kept, and of those at the interval as many as are asked for', () => {
  const steps = Array.from({ length: 17 }, (_, i) => i + 1);
  const kept = (every: number, keep: number, last = 100): number[] => {
    const removed = superfluous(steps, { every, keep, steps: last });
    return steps.filter((step) => !removed.includes(step));
  };
  assert.deepEqual(kept(5, 2), [10, 15, 16, 17]);
  assert.deepEqual(kept(1, 1), [16, 17]);
  assert.deepEqual(kept(100, 3), [16, 17]);
  assert.deepEqual(kept(16, 3, 17), [16, 17]);
  assert.deepEqual(kept(4, 3), [8, 12, 16, 17]);
  assert.deepEqual(superfluous([], { every: 1, keep: 1, steps: 1 }), []);
});

test('a small state is written after every step, a large one for at most a twentieth of the time', () => {
  const small = new CheckpointPace(2 ** 20);
  small.wrote(0, 100);
  assert.ok(small.due(100));
  const large = new CheckpointPace(2 ** 30);
  assert.ok(large.due(0), 'the first step has one');
  large.wrote(10, 12);
  assert.deepEqual(
    [12, 40, 49.9, 50, 1000].map((now) => large.due(now)),
    [false, false, false, true, true],
  );
});

/** Flips a bit near the end of a file. */
async function flip(path: string): Promise<void> {
  const bytes = await readFile(path);
  const index = bytes.length - 3;
  bytes[index] = at(bytes, index) ^ 1;
  await writeFile(path, bytes);
}
