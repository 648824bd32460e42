/**
 * make scaling: trains the example in the cluster of KUBECONFIG with one, two and three workers of half a core each, and compares
 * step times with those predicted from one worker.
 */
import { at, required } from '@gapo/numeric';
import { z } from '@gapo/service';
import { runProgram, say, type Findings } from '../processes/program.js';
import { tableOf } from '../processes/table.js';
import { kubectl, requirePrograms } from './programs.js';
import { createNamespace, imageValues, install, release, storageValues } from './release.js';
import { settings } from './settings.js';
import { dataFile, train } from './training.js';

const { STEPS: steps } = settings;
const namespace = `gapo-scaling-${process.pid}`;
/** Every number of workers below divides it, so that no worker waits for another's shard. */
const shards = 12;
const counts = [1, 2, 3] as const;
/** The first steps build graphs. */
const skipped = 3;
/** Maximum relative deviation of a step from its prediction. */
const tolerance = 0.15;

const reportSchema = z.looseObject({
  seconds: z.number(),
  phases: z.object({
    sampling: z.number(),
    rewards: z.number(),
    gradients: z.number(),
    combination: z.number(),
    checkpoint: z.number(),
  }),
});

/** Mean seconds of a step's parts. */
interface Parts {
  readonly sampling: number;
  readonly gradients: number;
  readonly rewards: number;
  /** Combination, checkpoint, and the time between phases. */
  readonly other: number;
  readonly step: number;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function partsOf(text: string): Parts {
  const reports = text
    .trimEnd()
    .split('\n')
    .slice(skipped)
    .map((line) => reportSchema.parse(JSON.parse(line)));
  const phase = (name: 'sampling' | 'gradients' | 'rewards'): number => mean(reports.map(({ phases }) => phases[name]));
  const [sampling, gradients, rewards] = [phase('sampling'), phase('gradients'), phase('rewards')];
  const step = mean(reports.map(({ seconds }) => seconds));
  return { sampling, gradients, rewards, other: step - sampling - gradients - rewards, step };
}

/** The predicted step time with more workers: sampling and gradients are divided, everything else stays the same. */
function predicted(one: Parts, workers: number): number {
  const share = Math.ceil(shards / workers) / shards;
  return (one.sampling + one.gradients) * share + one.rewards + one.other;
}

function scale(replicas: number): void {
  for (const worker of ['rollout', 'gradient']) {
    kubectl('-n', namespace, 'scale', `deployment/${release}-${worker}`, `--replicas=${replicas}`);
    kubectl('-n', namespace, 'rollout', 'status', `deployment/${release}-${worker}`, '--timeout=5m');
  }
}

function trainWith(workers: number): Parts {
  scale(workers);
  const id = `workers-${workers}`;
  say(`${workers} rollout and ${workers} gradient workers: ${steps} steps`);
  train(namespace, id, { steps, shards });
  return partsOf(dataFile(namespace, `${id}/steps.jsonl`));
}

async function measure(): Promise<Findings> {
  requirePrograms();
  createNamespace(namespace);
  try {
    const halfACore = ['rollout', 'gradient'].flatMap((worker) => [
      ...['--set', `${worker}.threads=1`],
      ...['--set', `${worker}.resources.limits.cpu=500m`],
    ]);
    install(namespace, 'install', '--values', 'deploy/helm/values/laptop.yaml', ...halfACore, ...storageValues(), ...imageValues()); // prettier-ignore
    const found = counts.map((workers) => trainWith(workers));
    return findings(found);
  } finally {
    kubectl('delete', 'namespace', namespace, '--timeout=180s');
  }
}

function findings(found: readonly Parts[]): Findings {
  const one = required(found[0], 'the steps of one worker');
  const rows = counts.map((workers, i) => {
    const parts = at(found, i);
    const expected = predicted(one, workers);
    return { workers, ...parts, expected, difference: parts.step / expected - 1 };
  });
  const cells = rows.map((row) => [
    String(row.workers),
    ...[row.sampling, row.gradients, row.rewards, row.other, row.step, row.expected].map((value) => value.toFixed(2)),
    `${(100 * row.difference).toFixed(0)} %`,
  ]);
  return {
    checks: rows.slice(1).map(({ workers, difference }) => ({
      name: `a step with ${workers} workers is within ${100 * tolerance} % of its prediction`,
      problem: Math.abs(difference) <= tolerance ? undefined : `it differs by ${(100 * difference).toFixed(1)} %`,
    })),
    data: { steps, shards, rows },
    text: tableOf([
      ['workers', 'sampling', 'gradients', 'rewards', 'other', 'step', 'predicted', 'difference'],
      ...cells,
    ]),
    root: undefined,
  };
}

await runProgram(measure);
