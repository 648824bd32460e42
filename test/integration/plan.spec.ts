/** Compares `gapo plan` with the memory that the example's services use. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from '@gapo/rpc';
import { gapo, project, startPlatform } from '../platform.fixture.js';

const example = join(project, 'examples/assistant');

/** Peak memory of a process in bytes, on Linux. */
async function peakOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  assert.ok(kibibytes !== undefined, status);
  return 1024 * Number(kibibytes);
}

test(
  'every process of the example uses between 2/3 and 1.5 times its planned memory',
  { skip: process.platform !== 'linux' && 'peaks are read from /proc' },
  async (t) => {
    const planned = await gapo(['plan', join(example, 'run.yaml'), '--prompt-tokens', '24', '--json']);
    assert.equal(planned.code, 0, planned.stderr);
    const { workers } = JSON.parse(planned.stdout) as { workers: { name: string; hostBytes: number }[] };
    const data = await mkdtemp(join(tmpdir(), 'gapo-plan-'));
    t.after(() => rm(data, { recursive: true, force: true }));
    const platform = await startPlatform({ directory: example, data });
    t.after(() => platform.stop());
    const training = connect('gapo.training.v1.TrainingService', platform.coordinator);
    const yaml = await readFile(join(example, 'run.yaml'), 'utf8');
    const configYaml = yaml.replace(/^steps: .*$/m, 'steps: 3');
    await training.CreateRun({ configYaml, baseDirectory: example, runId: 'planned' }, { deadlineMs: Infinity });
    let steps = 0;
    for await (const { step } of training.WatchRun({ runId: 'planned' }, { deadlineMs: Infinity }))
      if (step) steps += 1;
    training.close();
    assert.equal(steps, 3);
    for (const { name, hostBytes } of workers) {
      const pid = platform.services.find((service) => service.name.startsWith(name))?.pid;
      assert.ok(pid, `${name} is not running`);
      const ratio = (await peakOf(pid)) / hostBytes;
      t.diagnostic(`${name}: ${(hostBytes / 2 ** 20).toFixed(0)} MiB planned, ${ratio.toFixed(2)} of it used`);
      assert.ok(ratio > 2 / 3 && ratio < 1.5, `${name} uses ${ratio} times its plan`);
    }
  },
);
