/** The commands of docs/rewards.md, as they stand there: from a folder of ten lines to a score in a run that trains. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect, type StepReport } from '@gapo/rpc';
import {
  gapo,
  makeWorkspace,
  project,
  runYaml,
  startPlatform,
  type Platform,
  type Workspace,
} from '../platform.fixture.js';

const walkRun = 'walk';

/** The code of a section of the document, by language. */
async function codeOf(heading: string): Promise<readonly { readonly language: string; readonly code: string }[]> {
  const text = await readFile(join(project, 'docs/rewards.md'), 'utf8');
  const [, section] = text.split(`## ${heading}\n`);
  assert.ok(section !== undefined, `no section "${heading}"`);
  const own = section.split('\n## ')[0]!;
  return [...own.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(([, language, code]) => ({
    language: language!,
    code: code!,
  }));
}

async function freeAddress(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `127.0.0.1:${port}`;
}

describe('from an empty folder to a score in a running run', () => {
  let workspace: Workspace;
  let platform: Platform;
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gapo-walk-'));
    workspace = await makeWorkspace();
    platform = await startPlatform({ directory: workspace.directory });
  });
  after(async () => {
    await platform.stop();
    await workspace.remove();
    await rm(folder, { recursive: true, force: true });
  });

  test('the commands of the document do it, and no other process is started again', async (t) => {
    const [ts] = await codeOf('Ten lines');
    const [adding, removing] = await codeOf('From an empty folder to a score in a running run');
    assert.deepEqual([ts?.language, adding?.language, removing?.language], ['ts', 'sh', 'sh']);
    const commands = adding!.code.trim().split('\n');
    assert.ok(commands.length + removing!.code.trim().split('\n').length < 10, adding!.code);

    const at = ['--coordinator', platform.coordinator];
    const training = connect('gapo.training.v1.TrainingService', platform.coordinator);
    t.after(() => training.close());
    const yaml = runYaml({ steps: '100000', checkpoints: '{ every: 1000 }' });
    await writeFile(workspace.run, yaml);
    const created = await gapo(['train', workspace.run, '--id', walkRun, ...at]);
    assert.equal(created.code, 0, created.stderr);

    await writeFile(join(folder, 'reward.mts'), ts!.code);
    const address = await freeAddress();
    const documented = adding!.code.match(/LISTEN=(\S+)/)![1]!;
    const shell = (code: string): { ended: Promise<[number | null]>; stop: () => void; words: () => string } => {
      const preamble =
        'set -e; trap "kill \\$(jobs -p) 2>/dev/null || true" EXIT; gapo() { node "$GAPO/services/cli/dist/main.js" "$@"; }\n';
      const child = spawn('bash', ['-c', preamble + code.replaceAll(documented, address)], {
        cwd: folder,
        env: { ...process.env, GAPO: project, RUN: walkRun, GAPO_COORDINATOR: platform.coordinator, HOME: folder },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let said = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += String(text)));
      const ended = once(child, 'close') as Promise<[number | null]>;
      return { ended, stop: () => child.kill('SIGTERM'), words: () => said };
    };
    /** The next step whose report fits. */
    const until = async (afterStep: number, fits: (step: StepReport) => boolean): Promise<StepReport> => {
      for await (const { step } of training.WatchRun({ runId: walkRun, afterStep }, { deadlineMs: 120_000 })) {
        if (step && fits(step)) return step;
      }
      throw new Error('the run ended');
    };
    const names = ({ objectives }: StepReport): string => objectives.map(({ name }) => name).join(' ');

    const first = await until(0, () => true);
    assert.equal(names(first), 'short vowels');
    const walk = shell(adding!.code);
    t.after(() => walk.stop());
    const failed = walk.ended.then(([code]) => {
      throw new Error(`the commands ended with ${code}:\n${walk.words()}`);
    });
    const scored = await Promise.race([until(first.step, (step) => names(step) === 'short vowels concise'), failed]);
    const next = await until(scored.step, () => true);
    assert.equal(next.step, scored.step + 1);
    for (const { objectives } of [scored, next]) {
      const { rewardMean, gradientNorm, failed: missing } = objectives[2]!;
      assert.ok(rewardMean > 0 && rewardMean <= 1 && gradientNorm > 0, `mean ${rewardMean}, norm ${gradientNorm}`);
      assert.equal(missing, 0);
    }
    assert.match(walk.words(), /It keeps the contract\./);
    assert.match(walk.words(), /walk: concise added; from step \d+ on: short, vowels, concise/);

    const removal = shell(removing!.code);
    assert.deepEqual(await removal.ended, [0, null], removal.words());
    await until(next.step, (step) => names(step) === 'short vowels');
    // Nothing of the platform has been started again, and the run has never stopped.
    assert.ok(platform.services.length >= 6);
    for (const { name, pid } of platform.services) {
      assert.ok(pid !== undefined, name);
      assert.ok(process.kill(pid, 0), `${name} runs as the process that it was started as`);
    }
    const { run } = await training.GetRun({ runId: walkRun }, { deadlineMs: 10_000 });
    assert.equal(run!.state, 'RUN_STATE_RUNNING');
    await gapo(['cancel', walkRun, ...at]);
    // What the document ends with follows the run to its end, and says that it did not train to its last step.
    await assert.rejects(failed, /the commands ended with 2/);
  });
});
