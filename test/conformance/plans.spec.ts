/** The plans in docs/gpu.md and docs/scaling.md are the output of `gapo plan`. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { gapo, project } from '../platform.fixture.js';

/** The first block of a given kind in a page. */
function block(page: string, kind: string): string {
  const found = new RegExp(`^\`\`\`${kind}\n([^]*?)\n\`\`\`$`, 'm').exec(page)?.[1];
  assert.ok(found !== undefined, `the page has no block of ${kind}`);
  return found;
}

/** Prints the plan of a page's run with the options shown on the page. `model` is config.json. */
async function planOf(t: TestContext, page: string, model: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gapo-plans-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'model'));
  await writeFile(join(folder, 'model/config.json'), model);
  await writeFile(join(folder, 'run.yaml'), block(page, 'yaml'));
  const options = /^gapo plan run\.yaml (.*\d)$/m.exec(page)?.[1]?.split(' ') ?? [];
  const { code, stdout, stderr } = await gapo(['plan', join(folder, 'run.yaml'), ...options]);
  assert.equal(code, 0, stderr);
  return stdout.trimEnd();
}

test('the plans of seven billion parameters in the documents are what gapo plan prints', async (t) => {
  const read = (page: string): Promise<string> => readFile(join(project, 'docs', page), 'utf8');
  const [gpu, scaling] = [await read('gpu.md'), await read('scaling.md')];
  const model = block(gpu, 'json');
  assert.equal(await planOf(t, gpu, model), block(gpu, 'text'), 'docs/gpu.md is stale: paste this output into it');
  const times = (await planOf(t, scaling, model)).split('\n\n').at(-1);
  assert.equal(times, block(scaling, 'text'), 'docs/scaling.md is stale: paste this output into it');
});

test('the plans with PyTorch and vLLM are what gapo plan prints', async (t) => {
  const read = (page: string): Promise<string> => readFile(join(project, 'docs', page), 'utf8');
  const seven = JSON.parse(block(await read('gpu.md'), 'json')) as object;
  const [shared = '', ...sections] = ((await read('scaling.md')).split(/^## PyTorch and vLLM.*$/m)[1] ?? '').split(/^### /m); // prettier-ignore
  const planned = sections.filter((section) => section.includes('```text'));
  assert.ok(planned.length >= 3);
  for (const section of planned) {
    const changes = section.includes('```json') ? (JSON.parse(block(section, 'json')) as object) : {};
    const page = section.includes('```yaml') ? section : `${shared}\n${section}`;
    const found = await planOf(t, page, JSON.stringify({ ...seven, ...changes }));
    assert.equal(found, block(section, 'text'), `docs/scaling.md is stale at "${section.split('\n')[0]}": paste this output into it`); // prettier-ignore
  }
});
