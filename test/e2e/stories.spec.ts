/** Trains a pretrained model with two rules rewards, using only the command line. */
import assert from 'node:assert/strict';
import { existsSync, realpathSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { gapo, makeWorkspace, project, runYaml, startPlatform } from '../platform.fixture.js';

const model = resolve(project, '../shared/models/stories260k-hf');
const absent = existsSync(model) ? false : `the pretrained model is not at ${model}`;

test(
  'gapo train takes three GAPO steps on a pretrained model, and gapo export gives a PEFT adapter',
  { skip: absent },
  async () => {
    const workspace = await makeWorkspace();
    const { directory } = workspace;
    const openings = ['Once upon a time', 'One day, a little girl', 'There was a big', 'Tim and Sue'];
    await writeFile(
      join(directory, 'prompts.jsonl'),
      openings.map((prompt, id) => `${JSON.stringify({ id: String(id), prompt })}\n`).join(''),
    );
    await writeFile(workspace.run, runYaml({ policy: `{ model: ${model}, lora: { rank: 4 } }` }));
    const platform = await startPlatform({
      directory,
      env: { PROJECT_DIRS: JSON.stringify([tmpdir(), realpathSync(model)]) },
    });
    try {
      const at = ['--coordinator', platform.coordinator];
      const trained = await gapo(['train', workspace.run, '--id', 'stories', '--watch', ...at]);
      assert.equal(trained.code, 0, trained.stderr);
      const listed = await gapo(['runs', '--json', ...at]);
      const runs = JSON.parse(listed.stdout) as { id: string; step: number }[];
      assert.deepEqual(
        runs.map(({ id, step }) => ({ id, step })),
        [{ id: 'stories', step: 3 }],
      );
      const out = join(directory, 'adapter');
      const exported = await gapo(['export', 'stories', '--out', out, ...at]);
      assert.equal(exported.code, 0, exported.stderr);
      const config = JSON.parse(await readFile(join(out, 'adapter_config.json'), 'utf8')) as Record<string, unknown>;
      assert.equal(config['peft_type'], 'LORA');
      assert.equal(config['r'], 4);
      assert.ok(existsSync(join(out, 'adapter_model.safetensors')));
    } finally {
      await platform.stop();
      await workspace.remove();
    }
  },
);
