/** Runs with many evaluations: trained ones, an average of two, and a preference-conditioned policy. */
import { once } from 'node:events';
import { uniform } from '@gapo/numeric';
import type { EvaluationReportInput, RunInput } from '@gapo/rpc';
import { serveTraining, type Served } from './served.js';

const data = [{ key: 'heldOut', file: 'heldout.jsonl', sha256: 'a'.repeat(64) }];

/** The rewards of a policy that favours objectives by these shares, after this fraction of its training. */
function rewardsOf(shares: readonly number[], part: number, seed: number): number[] {
  return shares.map((share, k) => part * (3 * Math.sqrt(share) - 0.4 * k) + 0.2 * uniform(seed, k) - 0.5);
}

/** Serves them. @param names of the objectives, at least three */
export function servePlaneRuns(names: readonly string[]): Promise<Served> {
  const equal = names.map(() => 1 / names.length);
  const first = names.map((_, k) => (k === 0 ? 0.8 : 0.2 / (names.length - 1)));
  const sharesOf = (share: number): number[] => names.map((_, k) => (k === 0 ? share : k === 1 ? 1 - share : 0));
  const record = (shares: readonly number[]) => Object.fromEntries(names.map((name, k) => [name, shares[k] ?? NaN]));
  const run = (id: string, changes: RunInput): RunInput => ({
    id,
    state: 'RUN_STATE_SUCCEEDED',
    step: 60,
    totalSteps: 60,
    objectives: [...names],
    method: 'pgapo',
    created: { seconds: 1_735_689_600, nanos: 0 },
    data,
    ...changes,
  });
  const report = (
    runId: string,
    version: number,
    rewards: readonly number[],
    preference = {},
  ): EvaluationReportInput => ({
    runId,
    version,
    preference,
    prompts: 64,
    objectives: names.map((name, k) => {
      const mean = rewards[k] ?? NaN;
      return {
        name,
        before: { mean: -0.5, low: -0.6, high: -0.4 },
        after: { mean, low: mean - 0.15, high: mean + 0.15 },
      };
    }),
    winRate: { mean: 0.8, low: 0.7, high: 0.9 },
  });
  const versions = [10, 20, 30, 40, 50, 60];
  const trained = (id: string, shares: readonly number[], seed: number) => ({
    run: run(id, { preference: record(shares) }),
    reports: versions.map((version) => report(id, version, rewardsOf(shares, version / 60, seed + version))),
  });
  const all = [
    trained('equal', equal, 100),
    trained('first', first, 200),
    {
      run: run('average', { data: [], ingredients: { equal: 0.5, first: 0.5 } }),
      reports: [
        report(
          'average',
          60,
          rewardsOf(
            first.map((share, k) => (share + (equal[k] ?? 0)) / 2),
            0.95,
            300,
          ),
        ),
      ],
    },
    {
      run: run('dial', { preference: record(equal), preferenceLevels: 10 }),
      reports: [0, 0.2, 0.4, 0.6, 0.8, 1].map((share) =>
        report('dial', 60, rewardsOf(sharesOf(share), 1.05, 400), record(sharesOf(share))),
      ),
    },
  ];
  const of = (id: string) => all.find((each) => each.run.id === id);
  return serveTraining({
    GetRun: async ({ runId }) => ({ run: of(runId)?.run ?? null }),
    ListRuns: async () => ({ runs: all.map((each) => each.run) }),
    async *WatchRun({ runId }, { signal }) {
      yield { run: of(runId)?.run ?? null };
      if (!signal.aborted) await once(signal, 'abort');
    },
    GetAudit: async () => ({ lines: [], headEntries: 0, headSha256: '0'.repeat(64) }),
    ListEvaluations: async ({ runId }) => ({ reports: of(runId)?.reports ?? [] }),
    CreateSoup: async () => ({}),
  });
}
