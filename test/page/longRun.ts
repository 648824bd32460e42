/** One long run that takes no more steps, for pages of long runs. */
import { once } from 'node:events';
import { uniform } from '@gapo/numeric';
import type { RunInput, SampleInput, StepReport } from '@gapo/rpc';
import { serveTraining, type Served } from './served.js';

/** Parameters of the gradients of a long run. */
const dimensions = 20;

/** Returns the steps of a run with rising rewards and conflicts that come and go. */
export function stepsOf(names: readonly string[], count: number): StepReport[] {
  let drawn = 0;
  const draw = (): number => uniform(7, drawn++) - 0.5;
  return Array.from({ length: count }, (_, n): StepReport => {
    const part = n / count;
    // Rotating vectors, whose cosines resemble those of real gradients.
    const gradients = names.map((_, i) =>
      Array.from({ length: dimensions }, (__, k) => 0.5 + Math.sin((i + 1) * (k + 1) + 3 * part) + draw()),
    );
    const dot = (i: number, j: number): number =>
      (gradients[i] ?? []).reduce((sum, value, k) => sum + value * (gradients[j]?.[k] ?? 0), 0);
    const norms = names.map((_, i) => Math.sqrt(dot(i, i)));
    return {
      step: n + 1,
      objectives: names.map((name, i) => ({
        name,
        rewardMean: Math.tanh(2 * part) - i / 10 + 0.1 * draw(),
        rewardStd: 0.3,
        weight: (1 + 0.2 * draw()) / names.length,
        alpha: 1 / names.length,
        gradientNorm: norms[i] ?? NaN,
        progress: 0.2,
        latencyMs: 12,
        failed: 0,
        cosines: Object.fromEntries(
          names
            .slice(i + 1)
            .map((other, j) => [other, dot(i, i + 1 + j) / (norms[i] ?? NaN) / (norms[i + 1 + j] ?? NaN)]),
        ),
      })),
      kl: 0.02 + 0.01 * draw(),
      entropy: 1.5,
      clipFraction: 0.1,
      maxLogprobGap: 1e-6,
      stationarity: 0.5 + 0.2 * draw(),
      updateNorm: 0.5,
      learningRate: 1e-3,
      tokens: 1200,
      completionLength: 9 + draw(),
      finishedFraction: 1,
      seconds: 1.5,
      phases: { sampling: 0.7 + 0.1 * draw(), rewards: 0.1, gradients: 0.6, combination: 0.05, checkpoint: 0.05 },
      etaSeconds: 3,
      traceId: 'ab'.repeat(16),
      weightsAge: 0,
      kktResidual: 3e-12,
    };
  });
}

/** Returns a completion with distinct scores. @param number index within its step */
function sampleOf(names: readonly string[], step: number, number: number): SampleInput {
  const prompt = Math.floor(number / 4);
  return {
    step,
    promptId: String(prompt).padStart(16, '0'),
    prompt,
    sample: number % 4,
    promptText: `How do I keep a houseplant alive in room ${prompt}, which has no window?`,
    completion: 'Place it near a lamp, water it when the soil is dry, and turn it every week. '.repeat(
      1 + (number % 3),
    ),
    finished: number % 3 > 0,
    tokens: 18 * (1 + (number % 3)),
    logprob: -20,
    scores: names.map((objective, k) => {
      const score = uniform(11, number * names.length + k) - 0.5;
      return k === 3 && number % 5 === 0
        ? { objective, failure: 'the service answered 503' }
        : { objective, score, advantage: 2 * score };
    }),
  };
}

/** Serves it. */
export async function serveLongRun(names: readonly string[], count: number): Promise<Served> {
  const steps = stepsOf(names, count);
  const last = steps.at(-1);
  const run: RunInput = {
    id: 'long',
    state: 'RUN_STATE_PAUSED',
    reason: 'paused by a user',
    step: count,
    totalSteps: count + 1000,
    objectives: [...names],
    method: 'pgapo',
    created: { seconds: 1_735_689_600, nanos: 0 },
    preference: Object.fromEntries(names.map((name) => [name, 1 / names.length])),
    ...(last && { lastStep: last }),
  };
  return serveTraining({
    GetRun: async () => ({ run }),
    ListRuns: async () => ({ runs: [run] }),
    async *WatchRun({ afterStep }, { signal }) {
      yield { run };
      for (const step of steps.slice(afterStep)) yield { step };
      if (!signal.aborted) await once(signal, 'abort');
    },
    GetAudit: async () => ({ lines: [], headEntries: 0, headSha256: '0'.repeat(64) }),
    ListEvaluations: async () => ({ reports: [] }),
    ListSamples: async ({ pageToken }) => {
      const [start, total] = [Number(pageToken), 64];
      const samples = Array.from({ length: 20 }, (_, i) => sampleOf(names, count, start + i));
      const page = { step: count, version: count - 1, sampled: 128, kept: total, steps: [1, count] };
      return { ...page, total, samples, nextPageToken: String(start + 20) };
    },
  });
}
