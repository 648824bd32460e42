/**
 * Training with PyTorch gradients: the same adapter as with native gradients, one trace per step, and workers that die or hang in
 * the middle of a step.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { findNatsServer } from '@gapo/events';
import { at } from '@gapo/numeric';
import { TensorAssembler, connect, type Progress, type StepReport } from '@gapo/rpc';
import { project } from '../../platform.fixture.js';
import { startProcesses, type ProcessPlatform } from '../../processes/platform.js';
import { runToTheEnd } from '../../processes/runToTheEnd.js';
import { edgesOf, type Span, startReceiver } from '../../traces.fixture.js';
import { command, environment, skip } from './worker.js';

const example = join(project, 'examples/assistant');
const steps = 5;
const runId = 'example';
const hangMs = 10 * 60_000;
/** Seconds without a sign of life after which a worker loses its shards. */
const leaseSeconds = '3';

/** A run of the example. */
interface Trained {
  readonly reports: readonly StepReport[];
  /** The last version's tensors, concatenated. */
  readonly adapter: Float32Array;
  /** The coordinator's log lines. */
  readonly log: readonly { readonly message?: string; readonly worker?: string }[];
}

/** What happens during a run. */
interface Course {
  readonly gradients: 'native' | 'pytorch';
  readonly workers?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly onProgress?: (progress: Progress, platform: ProcessPlatform) => void;
  readonly onStep?: (step: number) => void;
}

async function train({ gradients, workers = 1, env = {}, onProgress, onStep }: Course): Promise<Trained> {
  const root = mkdtempSync(join(tmpdir(), 'gapo-pytorch-'));
  const names = Array.from({ length: workers }, (_, i) => `gradient-${i + 1}`);
  const exporting = {
    ...env,
    ...('OTEL_EXPORTER_OTLP_PROTOCOL' in env && { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' }),
  };
  const python = gradients === 'pytorch';
  const own = python ? { ...exporting, ...environment } : env;
  const platform = await startProcesses({
    root,
    projectDirectories: [example],
    rewardsFile: join(example, 'rewards.yaml'),
    rolloutWorkers: 1,
    gradientWorkers: workers,
    ...(python && { programs: Object.fromEntries(names.map((name) => [name, command])) }),
    env: {
      ...Object.fromEntries(names.map((name) => [name, own])),
      'rollout-1': env,
      coordinator: { ...env, WORKER_LEASE_SECONDS: leaseSeconds, WORKER_WAIT_SECONDS: '600' },
    },
    ended: () => undefined,
  });
  const training = connect('gapo.training.v1.TrainingService', platform.coordinator);
  const policies = connect('gapo.policy.v1.PolicyService', platform.coordinator);
  const reports: StepReport[] = [];
  let assembler: TensorAssembler | undefined;
  try {
    const configYaml = readFileSync(join(example, 'run.yaml'), 'utf8').replace(/^steps: \d+$/m, `steps: ${steps}`);
    await training.CreateRun({ configYaml, baseDirectory: example, runId }, { deadlineMs: 60_000 });
    await runToTheEnd(training, runId, hangMs, ({ progress, step }) => {
      if (progress) onProgress?.(progress, platform);
      if (!step) return;
      reports.push(step);
      onStep?.(step.step);
    });
    for await (const { header, chunk } of policies.GetVersion({ runId, version: steps }, { deadlineMs: 60_000 })) {
      if (header) assembler = new TensorAssembler(header.tensors, { sha256: header.sha256 });
      if (chunk) assembler?.add(chunk);
    }
  } finally {
    training.close();
    policies.close();
    await platform.stop();
  }
  const lines = readFileSync(join(root, 'logs/coordinator.log'), 'utf8').split('\n');
  rmSync(root, { recursive: true });
  const tensors = assembler?.finish() ?? [];
  return {
    reports,
    adapter: Float32Array.from(tensors.flatMap(({ data }) => [...data])),
    log: lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Trained['log'][number]),
  };
}

/** ‖a − b‖ / ‖b‖. */
function distance(a: Float32Array, b: Float32Array): number {
  assert.equal(a.length, b.length);
  const [gap, norm] = a.reduce(([gap, norm], x, i) => [gap + (x - at(b, i)) ** 2, norm + at(b, i) ** 2], [0, 0]);
  return Math.sqrt(gap / norm);
}

describe(
  'training with PyTorch',
  { skip: skip || (findNatsServer() === undefined && 'nats-server is missing') },
  () => {
    let spans: readonly Span[] = [];
    let trained: Trained;
    before(async () => {
      const receiver = await startReceiver();
      trained = await train({ gradients: 'pytorch', env: receiver.env });
      receiver.close();
      spans = receiver.spans;
    });

    test('ends within 1e-3 of the adapter that native gradients lead to', async (t) => {
      const native = await train({ gradients: 'native' });
      assert.equal(trained.reports.length, steps);
      const gap = distance(trained.adapter, native.adapter);
      const rewards = ({ reports }: Trained): string =>
        (reports.at(-1)?.objectives ?? []).map(({ name, rewardMean }) => `${name} ${rewardMean.toFixed(6)}`).join(', ');
      t.diagnostic(
        `adapters differ by ${gap.toExponential(1)}; last rewards ${rewards(trained)}; native ${rewards(native)}`,
      );
      assert.ok(gap < 1e-3);
      // The gap between log-probabilities of the native sampler and of this trainer.
      for (const { maxLogprobGap } of trained.reports) assert.ok(maxLogprobGap < 1e-4);
    });

    test('each step is one trace of coordinator, sampler and PyTorch worker', () => {
      const roots = spans.filter(({ name }) => name === 'rl.loop');
      assert.deepEqual(
        roots.map(({ traceId }) => traceId).sort(),
        trained.reports.map(({ traceId }) => traceId).sort(),
      );
      const [worker, coordinator] = ['gapo-gradient', 'gapo-coordinator'];
      const [compute, logprobs] = ['ComputeGradients', 'LogProbs'].map(
        (m) => `grpc.gapo.gradient.v1.GradientService/${m}`,
      );
      for (const { traceId } of roots) {
        const edges = edgesOf(spans, traceId);
        for (const edge of [
          `${coordinator}:gapo.step.gradients -> ${coordinator}:${compute}`,
          `${coordinator}:${compute} -> ${worker}:${compute}`,
          `${worker}:${compute} -> ${worker}:gapo.gradient.compute`,
          `${coordinator}:${logprobs} -> ${worker}:${logprobs}`,
          `${worker}:${logprobs} -> ${worker}:gapo.gradient.logprobs`,
          `${worker}:rl.sync -> ${coordinator}:grpc.gapo.policy.v1.PolicyService/GetVersion`,
        ]) {
          assert.ok(edges.has(edge), `no edge ${edge} among\n${[...edges].sort().join('\n')}`);
        }
      }
      const computed = spans.filter(({ name }) => name === 'gapo.gradient.compute');
      assert.ok(computed.length >= steps * 4);
      for (const { attributes } of computed) {
        assert.match(String(attributes.get('rl.run.id')), new RegExp(`^${runId}`));
        assert.equal(attributes.get('gapo.objective.count'), 2);
      }
    });

    test('a worker that dies or hangs in the middle of a step: its shards are redone, the log names it, the adapter is the same', async (t) => {
      const begun = new Set<number>();
      let resume = (): void => undefined;
      const disturbed = await train({
        gradients: 'pytorch',
        workers: 2,
        onProgress: ({ step, phase }, platform) => {
          if (phase !== 'gradients' || begun.has(step)) return;
          begun.add(step);
          if (step === 2) {
            const signal = platform.services.get('gradient-1')?.signal('SIGSTOP');
            resume = () => signal?.('SIGCONT');
          }
          if (step === 4) platform.services.get('gradient-2')?.kill();
        },
        onStep: (step) => {
          if (step === 2) resume();
        },
      });
      const retries = disturbed.log.filter(
        ({ message = '' }) => message.includes('retrying') && message.includes('elsewhere'),
      );
      t.diagnostic(retries.map(({ worker, message }) => `${worker}: ${message}`).join('\n'));
      const of = (step: number) => retries.filter(({ message = '' }) => message.includes(`of step ${step} `));
      assert.ok(
        of(2).some(({ message = '' }) => message.includes('no sign of life')),
        'the worker that hung',
      );
      assert.ok(
        of(4).some(({ message = '' }) => /ECONNRESET|Connection dropped/.test(message)),
        'the worker that died',
      );
      const [hung, died] = [of(2), of(4)].map((lines) => new Set(lines.map(({ worker }) => worker)));
      assert.deepEqual([hung?.size, died?.size], [1, 1]);
      assert.notDeepEqual(hung, died);
      assert.deepEqual(disturbed.adapter, trained.adapter);
    });
  },
);
