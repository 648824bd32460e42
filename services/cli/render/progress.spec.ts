/** The progress block at several widths, line for line, and the plain line. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunInput, StepReport, WatchRunResponse } from '@gapo/rpc';
import { progressLine, progressLines } from './progress.js';
import { waitText } from './recovery.js';
import { PlainReporter } from './reporter.js';
import { advance, progressOf, shownObjectives, type RunProgress } from './runProgress.js';
import { displayWidth } from './width.js';

const run = {
  id: 'assistant-1',
  state: 'RUN_STATE_RUNNING',
  reason: '',
  recovery: null,
  step: 0,
  totalSteps: 120,
  objectives: ['helpful', 'harmless'],
  method: 'gapo',
  preference: {},
} satisfies RunInput as unknown as Parameters<typeof progressOf>[0];

function stepMessage(step: number, means: readonly number[]): WatchRunResponse {
  const objectives = means.map((rewardMean, i) => ({
    name: run.objectives[i],
    rewardMean,
    weight: i === 0 ? 0.625 : 0.375,
  }));
  const message = { step, objectives, kl: 0.0123, stationarity: 0.4, tokens: 1806, seconds: 1.5, etaSeconds: 112 };
  return { step: message } as unknown as WatchRunResponse;
}

function after(steps: number): RunProgress {
  let progress = progressOf(run);
  for (let i = 1; i <= steps; i++) progress = advance(progress, stepMessage(i, [i / 100, 2 - i / 50]));
  return progress;
}

test('before the first step unknown values are n/a', () => {
  assert.deepEqual(progressLines(progressOf(run), 80), [
    'assistant-1  gapo  running',
    '[··················································] 0/120  0 %',
    'helpful       n/a                                            weight n/a',
    'harmless      n/a                                            weight n/a',
    'KL n/a   stationarity n/a   n/a tokens/s   n/a/step',
    'step 1',
  ]);
});

test('a step in progress at 80 columns', () => {
  const sampling = {
    progress: { step: 49, phase: 'sampling', done: 3, total: 4, waitingFor: 'rollout 127.0.0.1:50051' },
  };
  const progress = advance(after(48), sampling);
  assert.deepEqual(progressLines(progress, 80), [
    'assistant-1  gapo  running',
    '[███████████████████·····························] 48/120  40 %  1 min 52 s left',
    'helpful     0.480  ▁▁▁▁▁▂▂▂▂▂▃▃▃▃▃▄▄▄▄▄▅▅▅▅▅▆▆▆▆▆▇▇▇▇▇█████  weight 0.625',
    'harmless    1.040  █████▇▇▇▇▇▆▆▆▆▆▅▅▅▅▅▄▄▄▄▄▃▃▃▃▃▂▂▂▂▂▁▁▁▁▁  weight 0.375',
    'KL 0.0123   stationarity 0.4   1,204 tokens/s   1.5 s/step',
    'step 49: sampling 3/4, waiting for rollout 127.0.0.1:50051',
  ]);
});

test('a narrow terminal drops what does not fit, values last', () => {
  assert.deepEqual(progressLines(after(48), 40), [
    'assistant-1  gapo  running',
    '[████████████···················] 48/120',
    'helpful     0.480  ▁▂▃▄▆▇█  weight 0.625',
    'harmless    1.040  █▇▆▅▃▂▁  weight 0.375',
    'KL 0.0123   stationarity 0.4',
    'step 49',
  ]);
});

test('no line is wider than the terminal, however long the names', () => {
  const progress = after(30);
  const wide = { id: '長い名前の実行'.repeat(4), reason: 'because '.repeat(30) };
  const name = '有用性と無害性と誠実さ';
  const { last = assert.fail() } = progress;
  const [first = assert.fail(), ...others] = last.objectives;
  const objective = { ...first, name, weight: 1e-9, failed: 1200, multiplier: 1e-9, accuracy: 0.5 };
  const named: RunProgress = {
    ...progress,
    run: { ...progress.run, ...wide },
    last: { ...last, objectives: [objective, first, ...others], weightsAge: 12, approximationDegrees: 0.25 },
    means: new Map([[name, [0.1, NaN, 0.3]], ...progress.means]),
  };
  for (const width of [20, 27, 33, 40, 61, 80, 200]) {
    for (const line of progressLines(named, width)) assert.ok(displayWidth(line) <= width, `${width}: ${line}`);
  }
});

test('a value that is not finite is n/a', () => {
  const progress = advance(progressOf(run), stepMessage(1, [NaN, 1]));
  assert.match(progressLines(progress, 80)[2] ?? '', /^helpful +n\/a/);
});

test('the plain line has rewards, weights, KL, throughput and time left', () => {
  assert.equal(
    progressLine(after(48)),
    'step 48/120  helpful 0.480 (weight 0.625)  harmless 1.040 (weight 0.375)  KL 0.0123  1,204 tokens/s  1 min 52 s left',
  );
});

test('completions that an objective could not score are counted, in the step that dropped them', () => {
  const message = stepMessage(49, [0.49, 1.02]);
  const [, second = assert.fail()] = message.step?.objectives ?? [];
  second.failed = 3;
  const dropped = advance(after(48), message);
  assert.equal(
    progressLines(dropped, 80)[3],
    'harmless    1.020  █████▇▇▇▇▆▆▆▆▆▅▅▅▅▄▄▄▄▄▃▃▃▃▂▂▂▂▁▁▁▁▁  weight 0.375  3 dropped',
  );
  assert.match(progressLine(dropped), /harmless 1\.020 \(weight 0\.375, 3 dropped\)/);
  assert.doesNotMatch(progressLine(advance(dropped, stepMessage(50, [0.5, 1]))), /dropped/);
});

test('how far the policy that sampled is from the one that was trained is shown where a step measured it', () => {
  const { step } = stepMessage(1, [0.5, 1.5]);
  assert.ok(step);
  const progress = advance(progressOf(run), {
    step: { ...step, staleness: 1, effectiveSampleSize: 0.968 },
    event: 'step',
  });
  assert.match(
    progressLines(progress, 120)[4] ?? '',
    /^KL \S+ {3}sampled 1 update earlier {3}effective sample 97 % {3}/,
  );
  assert.match(progressLine(progress), / {2}sampled 1 update earlier {2}effective sample 97 % {2}1,204 tokens\/s/);
});

test('multipliers, accuracies and the source of the weights are shown where a step has them', () => {
  const { step } = stepMessage(1, [0.5, 1.5]);
  assert.ok(step);
  const [helpful = assert.fail(), harmless = assert.fail()] = step.objectives;
  const objectives = [
    { ...helpful, accuracy: 0.875 },
    { ...harmless, multiplier: 0.25 },
  ];
  const { kl: _, ...withoutKl } = step;
  const report = { ...withoutKl, objectives, weightsAge: 1, approximationDegrees: 3.14 };
  const progress = advance(progressOf(run), { step: report, event: 'step' });
  const [, , first, second, facts] = progressLines(progress, 120);
  assert.match(first ?? '', /^helpful .* weight 0\.625 {2}accuracy 88 %$/);
  assert.match(second ?? '', /^harmless .* weight 0\.375 {2}multiplier 0\.25$/);
  assert.match(facts ?? '', /^stationarity 0\.4 .* weights 1 step old {3}3\.1° from the exact update$/);
  assert.equal(
    progressLine(progress),
    'step 1/120  helpful 0.500 (weight 0.625, accuracy 88 %)  harmless 1.500 (weight 0.375, multiplier 0.25)  ' +
      '1,204 tokens/s  weights 1 step old  3.1° from the exact update  1 min 52 s left',
  );
});

test('the current preference is shown, and changes are reported', () => {
  const steered = { ...run, method: 'pgapo', preference: { harmless: 0.25, helpful: 0.75 } };
  const before = progressOf(steered);
  assert.equal(progressLines(before, 80)[0], 'assistant-1  pgapo (helpful 0.75, harmless 0.25)  running');
  const changed = { run: { ...steered, preference: { helpful: 1, harmless: 2 } } } as unknown as WatchRunResponse;
  const said: string[] = [];
  const reporter = new PlainReporter((line) => said.push(line));
  reporter.progress(before);
  reporter.progress(before);
  const after = advance(before, changed);
  reporter.progress(after);
  const fewer = { run: { ...steered, objectives: ['harmless'], preference: { harmless: 2 } } };
  reporter.progress(advance(after, fewer));
  assert.deepEqual(said, [
    'assistant-1: running',
    'assistant-1: preference helpful 0.75, harmless 0.25',
    'assistant-1: preference changed to helpful 1, harmless 2',
    'assistant-1: objectives changed to harmless 2',
  ]);
});

test('added and removed objectives are reported at once, and have numbers from their first to their last step', () => {
  const reported = (progress: RunProgress): unknown =>
    shownObjectives(progress).map(({ name, means }) => [name, means]);
  const message = (objectives: readonly string[]): WatchRunResponse =>
    ({ run: { ...run, step: 1, objectives } }) as unknown as WatchRunResponse;
  const step = (number: number, means: Readonly<Record<string, number>>): WatchRunResponse => {
    const objectives = Object.entries(means).map(([name, rewardMean]) => ({ name, rewardMean, weight: 1 }));
    return {
      step: { step: number, objectives, kl: 0, tokens: 1, seconds: 1, etaSeconds: 1 },
    } as unknown as WatchRunResponse;
  };
  const said: string[] = [];
  let clock = 0;
  const reporter = new PlainReporter(
    (line) => said.push(line),
    () => (clock += 10_000),
  );
  let progress = progressOf(run);
  const hear = (heard: WatchRunResponse): void => reporter.progress((progress = advance(progress, heard)));
  reporter.progress(progress);
  hear(step(1, { helpful: 1, harmless: 2 }));
  // Step 2 is in progress: it is one of the two steps whose objectives differ from step 3's.
  hear(message(['harmless', 'concise']));
  hear(step(2, { helpful: 3, harmless: 4 }));
  assert.deepEqual(reported(progress), [
    ['helpful', [1, 3]],
    ['harmless', [2, 4]],
    ['concise', []],
  ]);
  assert.match(progressLines(progress, 80)[4] ?? '', /^concise +n\/a/);
  hear(step(3, { harmless: 5, concise: 6 }));
  assert.deepEqual(reported(progress), [
    ['harmless', [2, 4, 5]],
    ['concise', [6]],
  ]);
  assert.deepEqual(
    said.map((line) => line.replace(/ {2}KL.*/, '')),
    [
      'assistant-1: running',
      'step 1/120  helpful 1.000 (weight 1)  harmless 2.000 (weight 1)',
      'assistant-1: objectives changed to harmless, concise',
      'step 2/120  helpful 3.000 (weight 1)  harmless 4.000 (weight 1)',
      'step 3/120  harmless 5.000 (weight 1)  concise 6.000 (weight 1)',
    ],
  );
});

test('a paused run shows the reason and no phase', () => {
  const paused = { run: { ...run, state: 'RUN_STATE_PAUSED', reason: 'asked' } } as unknown as WatchRunResponse;
  const lines = progressLines(advance(after(2), paused), 80);
  assert.equal(lines[0], 'assistant-1  gapo  paused: asked');
  assert.equal(lines.at(-1), '');
});

test('a run that the coordinator resumes says what it waits for', () => {
  const recovery = {
    waitingFor: 'reward harmless at 127.0.0.1:50062',
    problem: 'connection refused',
    nextCheck: { seconds: 108, nanos: 0 },
    attempts: 0,
    maxAttempts: 10,
  };
  const first = 'waiting for reward harmless at 127.0.0.1:50062: connection refused; checked again in 8 s';
  assert.equal(waitText({ recovery }, 100_000), first);
  assert.equal(
    waitText({ recovery: { ...recovery, problem: '', nextCheck: null, attempts: 2 } }),
    'waiting for reward harmless at 127.0.0.1:50062 (resumed 2 of 10 times at this step)',
  );
  assert.equal(waitText({ recovery: null }), undefined);
});

test('the effect of the last direction on each objective is shown, from the report of the step', () => {
  const report = (name: string, weight: number, cosines: object): object => ({
    name,
    weight,
    gradientNorm: 2,
    cosines,
  });
  const objectives = [report('helpful', 0.5, { harmless: -0.5 }), report('harmless', 0.5, {})];
  const step = { step: 1, objectives, kktResidual: 3e-12 } as unknown as StepReport;
  const progress = advance(progressOf(run), { step });
  const said = 'direction: helpful +0.50, harmless +0.50, nobody hurt; residual 0';
  assert.ok(progressLines(progress, 80).includes(said));
  assert.ok(progressLine(progress).includes(said));
});
