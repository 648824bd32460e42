/** The tables in docs/gpu.md are the output of `gapo plan`. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gapo, project } from '../platform.fixture.js';

test('the plan of seven billion parameters in docs/gpu.md is what gapo plan prints', async (t) => {
  const page = await readFile(join(project, 'docs/gpu.md'), 'utf8');
  const block = (kind: string): string => {
    const found = new RegExp(`^\`\`\`${kind}\n([^]*?)\n\`\`\`$`, 'm').exec(page)?.[1];
    assert.ok(found !== undefined, `docs/gpu.md has no block of ${kind}`);
    return found;
  };
  const folder = await mkdtemp(join(tmpdir(), 'gapo-gpu-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'model'));
  await writeFile(join(folder, 'model/config.json'), block('json'));
  await writeFile(join(folder, 'run.yaml'), block('yaml'));
  const options = /^gapo plan run\.yaml (.*)$/m.exec(page)?.[1]?.split(' ') ?? [];
  const { code, stdout, stderr } = await gapo(['plan', join(folder, 'run.yaml'), ...options]);
  assert.equal(code, 0, stderr);
  assert.equal(stdout.trimEnd(), block('text'), 'docs/gpu.md is stale: paste this output into its table');
});
