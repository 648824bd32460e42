// `rollout.score: shard`: a shard's completions are scored while others are sampled, and the run ends in the same bytes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GenerateRequest } from '@gapo/rpc';
import {
  createRun,
  runYaml,
  startCoordinator,
  startWorld,
  trainAlone,
  until,
  usualScorers,
  type Scorer,
} from '../../fixtures/world.fixture.js';

const steps = 3;

test('completions of a shard are scored before the next shard is sampled, with the result of scoring them together', async (t) => {
  const [scored, sampled]: [string[], string[]] = [[], []];
  const waiting = new Set<() => void>();
  const letters: Scorer = async (request, signal) => {
    const answer = await usualScorers.letters(request, signal);
    scored.push(...request.items.map(({ id }) => id));
    for (const go of waiting) go();
    return answer;
  };
  const world = await startWorld(t, {
    scorers: { letters, short: usualScorers.short },
    rollouts: [
      async ({ request }) => {
        // Waits until scores of the previous shard have been requested, which never happens if the step is scored as a
        // whole.
        const { step } = request as GenerateRequest;
        const before = sampled.filter((each) => each === `${step}`).length;
        sampled.push(`${step}`);
        if (before === 0) return;
        while (!scored.some((id) => id.startsWith(`${step}.`)))
          await new Promise<void>((resolve) => waiting.add(resolve));
      },
    ],
  });
  const coordinator = await startCoordinator(t, world);
  const yaml = runYaml({ steps }).replace('shards: 3', 'shards: 3, score: shard');
  await createRun(coordinator, world, yaml, 'shards');
  const run = await until(coordinator, 'shards', 'RUN_STATE_SUCCEEDED');
  const { run: together } = await trainAlone(t, runYaml({ steps }));
  assert.equal(run.versionSha256, together.versionSha256);
});
