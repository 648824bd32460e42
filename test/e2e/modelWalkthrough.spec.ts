/** Runs the commands of docs/models.md as written, on a small model of each family: from its directory to an aligned adapter. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { architectures, initialTensors, linearTargets, readAdapter, readDecoderModel, type Weight } from '@gapo/model';
import { exampleConfigs, tokenizerDirectory, writeRandomCheckpoint } from '@gapo/model/testing';
import { at } from '@gapo/numeric';
import { Evaluator } from '@gapo/policy';
import { codeOf } from '../documents.fixture.js';
import { makeWorkspace, project, startPlatform, type Platform, type Workspace } from '../platform.fixture.js';

/** Vocabulary of the example's tokenizer. */
const vocabulary = 1536;
const engine = { threads: 1, memoryBudget: 2 ** 28 };

/** One example per architecture: the last one, which has the most features. */
const families = new Map(Object.values(exampleConfigs).map((json) => [String(json['model_type']), json]));

/** All families with `make test-walk`; otherwise those that differ most, because each takes about ten seconds. */
const walked = [...families].filter(
  ([family]) => process.env['EVERY_FAMILY'] !== undefined || ['gpt2', 'qwen3', 'gemma3_text'].includes(family),
);

describe('from a Hub directory to an aligned adapter', () => {
  let workspace: Workspace;
  let platform: Platform;
  before(async () => {
    workspace = await makeWorkspace();
    platform = await startPlatform({ directory: workspace.directory });
  });
  after(async () => {
    await platform.stop();
    await workspace.remove();
  });

  test('there is an example of every architecture', () => {
    assert.deepEqual(
      architectures.map(({ modelType }) => modelType).filter((modelType) => !families.has(modelType)),
      [],
    );
  });

  test('the documented rewards are the ones that run here', async () => {
    const { rewards } = await documented();
    for (const { code } of rewards) {
      const [, name = '', content = ''] = /^# (\S+)\n([^]*)$/.exec(code) ?? [];
      assert.equal(content, await readFile(join(workspace.directory, name), 'utf8'));
    }
  });

  for (const [family, json] of walked) {
    test(`${family}: the documented commands`, async () => {
      const { run, commands } = await documented();

      const folder = join(workspace.directory, family);
      const model = join(folder, 'model');
      await mkdir(folder);
      await writeRandomCheckpoint(model, { ...json, vocab_size: vocabulary });
      await cp(tokenizerDirectory, model, { recursive: true });
      for (const name of ['prompts', 'heldout']) {
        await cp(join(workspace.directory, 'prompts.jsonl'), join(folder, `${name}.jsonl`));
      }
      // Two steps at a high rate move the policy far enough to compare.
      const quick = run.code.replace(/^steps: \d+$/m, 'steps: 2').replace('1e-4', '1e-2');
      await writeFile(join(folder, 'run.yaml'), quick);
      await promisify(execFile)('bash', ['-euc', commands.code.replaceAll('aligned', `aligned-${family}`)], {
        cwd: folder,
        env: {
          ...process.env,
          PATH: `${join(project, 'node_modules/.bin')}:${process.env['PATH']}`,
          GAPO_COORDINATOR: platform.coordinator,
        },
      });

      const base = await readDecoderModel(model);
      const adapter = await readAdapter(join(folder, 'adapter'), base);
      const merged = await readDecoderModel(join(folder, 'merged'));
      assert.deepEqual(merged.config, base.config);
      const aligned = await logprobs(base, adapter.lora, new Map(adapter.tensors.map((t) => [t.name, t])));
      const before = await logprobs(base, adapter.lora);
      const untouched = { rank: 1, alpha: 1, targets: linearTargets(merged.config) };
      const fused = await logprobs(merged, untouched);
      const moved = Math.max(...aligned.map((x, i) => Math.abs(x - (before[i] ?? NaN))));
      assert.ok(moved > 1e-3, `two steps moved log-probabilities by ${moved}`);
      aligned.forEach((x, i) => assert.ok(Math.abs(x - (fused[i] ?? NaN)) < 1e-3, `${x} and ${fused[i]}`));
    });
  }
});

/** Returns the code of the document: the run, its rewards, and the commands after the download. */
async function documented() {
  const blocks = await codeOf('docs/models.md', 'From a Hub directory to an aligned adapter');
  assert.deepEqual(
    blocks.map(({ language }) => language),
    ['sh', 'yaml', 'yaml', 'yaml', 'yaml', 'sh'],
  );
  return { run: at(blocks, 1), rewards: blocks.slice(2, 5), commands: at(blocks, 5) };
}

/** Returns the log-probabilities of a fixed completion under a model with an adapter. */
async function logprobs(
  model: Awaited<ReturnType<typeof readDecoderModel>>,
  lora: Awaited<ReturnType<typeof readAdapter>>['lora'],
  tensors: ReadonlyMap<string, Weight> = new Map(),
): Promise<readonly number[]> {
  const spec = { valueHeads: 0, lora };
  const evaluator = await Evaluator.open(model, spec, engine);
  try {
    const version = initialTensors(model.config, spec, 0, tensors);
    const sequence = { promptIds: [5, 80, 300], completionIds: [700, 12, 9, 1400, 33, 2] };
    return [...(await evaluator.evaluate(version, [sequence], 1)).logprobs];
  } finally {
    await evaluator.close();
  }
}
