/** Where a training step spends its time: the example's run on real services, measured from its traces. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@gapo/rpc';
import { project, startPlatform } from '../platform.fixture.js';
import { startReceiver } from '../traces.fixture.js';
import { sharesOf } from './timeline.js';

const example = join(project, 'examples/assistant');
/** Steps skipped at the start, which build and compile graphs. */
const skipped = 4;
const steps = 24;

/**
 * - `step.share.X`: the share of the example's step time spent on sampling, scoring, gradients and log-probabilities,
 *   combination, transfer (a call is in flight and no service computes), and everything else (checkpoints, events, the
 *   coordinator's work between phases).
 * - `step.seconds`: the mean step time, with the workers started by `gapo up` on this machine.
 */
export async function stepBench(): Promise<Record<string, number>> {
  const data = await mkdtemp(join(tmpdir(), 'gapo-bench-'));
  const receiver = await startReceiver();
  try {
    const platform = await startPlatform({ directory: example, data, rolloutWorkers: 'usual', env: receiver.env });
    const seconds = await trained(platform.coordinator).finally(() => platform.stop());
    const shares = sharesOf(receiver.spans, skipped);
    const named = Object.entries(shares).map(([activity, share]) => [`step.share.${activity}`, share]);
    return { ...(Object.fromEntries(named) as Record<string, number>), 'step.seconds': seconds };
  } finally {
    receiver.close();
    await rm(data, { recursive: true, force: true });
  }
}

/** Trains to the end. Returns the mean seconds of a step, without the skipped ones. */
async function trained(coordinator: string): Promise<number> {
  const training = connect('gapo.training.v1.TrainingService', coordinator);
  try {
    const yaml = await readFile(join(example, 'run.yaml'), 'utf8');
    const configYaml = yaml.replace(/^steps: .*$/m, `steps: ${steps}`);
    const created = { configYaml, baseDirectory: example, runId: 'bench' };
    await training.CreateRun(created, { deadlineMs: 60_000 });
    const seconds: number[] = [];
    for await (const { step, run } of training.WatchRun({ runId: 'bench' }, { deadlineMs: 600_000 })) {
      if (run?.state === 'RUN_STATE_FAILED' || run?.state === 'RUN_STATE_PAUSED') {
        throw new Error(`step bench: the run stopped: ${run.reason}`);
      }
      if (step) seconds.push(step.seconds);
    }
    return seconds.slice(skipped).reduce((sum, value) => sum + value, 0) / (seconds.length - skipped);
  } finally {
    training.close();
  }
}
