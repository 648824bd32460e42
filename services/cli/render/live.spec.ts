/** The live block redraws without flicker, and the plain reporter limits its rate. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WatchRunResponse } from '@gapo/rpc';
import { LiveBlock } from './live.js';
import { PlainReporter } from './reporter.js';
import { advance, progressOf, type RunProgress } from './runProgress.js';

function block(): { writes: string[]; live: LiveBlock } {
  const writes: string[] = [];
  return { writes, live: new LiveBlock({ write: (text) => writes.push(text), columns: 40 }) };
}

test('a frame is one write that overwrites the previous frame and clears the rest of each line', () => {
  const { writes, live } = block();
  live.show(() => ['one', 'two']);
  live.say('a message');
  assert.deepEqual(writes, [
    '\x1b[?25lone\x1b[K\ntwo\x1b[K\n\x1b[J',
    '\x1b[?25l\x1b[2A\ra message\x1b[K\none\x1b[K\ntwo\x1b[K\n\x1b[J',
  ]);
  live.finish();
  assert.equal(writes.at(-1), '\x1b[?25h');
});

test('frames in quick succession are merged, and the last one is always drawn', () => {
  const { writes, live } = block();
  for (let i = 0; i < 50; i++) live.show(() => [`frame ${i}`]);
  assert.equal(writes.length, 1);
  live.finish();
  assert.match(writes[1] ?? '', /frame 49/);
});

test('the block is one column narrower than the terminal, and 79 columns if the width is unknown', () => {
  const seen: number[] = [];
  for (const columns of [40, 0, undefined]) {
    const live = new LiveBlock({ write: () => true, columns });
    live.show((width) => {
      seen.push(width);
      return [];
    });
  }
  assert.deepEqual(seen, [39, 79, 79]);
});

function runAt(step: number): RunProgress {
  const start = progressOf({
    id: 'r',
    state: 'RUN_STATE_RUNNING',
    reason: '',
    recovery: null,
    step: 0,
    totalSteps: 100,
    objectives: ['a'],
    method: 'gapo',
    preference: {},
    ingredients: {},
  } as unknown as Parameters<typeof progressOf>[0]);
  if (step === 0) return start;
  return advance(start, { step: { step, objectives: [{ name: 'a', rewardMean: step }] } } as WatchRunResponse);
}

test('plain lines: the first step, the last one, and at most one every three seconds in between', () => {
  const lines: string[] = [];
  let now = 0;
  const reporter = new PlainReporter(
    (line) => lines.push(line),
    () => now,
  );
  for (let step = 0; step <= 100; step++) {
    reporter.progress(runAt(step));
    now += 200;
  }
  const steps = lines.flatMap((line) => /^step (\d+)/.exec(line)?.[1] ?? []).map(Number);
  assert.equal(lines[0], 'r: running');
  assert.deepEqual([steps[0], steps.at(-1)], [1, 100]);
  assert.ok(steps.length >= 6 && steps.length <= 9, String(steps));
});

test('a resumed run does not repeat its past steps', () => {
  const lines: string[] = [];
  const reporter = new PlainReporter((line) => lines.push(line));
  const start = runAt(0);
  reporter.progress({ ...start, run: { ...start.run, step: 40 } });
  for (let step = 1; step <= 41; step++) reporter.progress(runAt(step));
  assert.deepEqual(
    lines.map((line) => line.slice(0, 8)),
    ['r: runni', 'step 41/'],
  );
});

test('plain lines of several runs: each has its first step, last step and preference', () => {
  const lines: string[] = [];
  const reporter = new PlainReporter(
    (line) => lines.push(line),
    () => 0,
  );
  for (const id of ['a', 'b']) {
    for (const step of [0, 1, 100]) {
      const progress = runAt(step);
      reporter.progress({ ...progress, run: { ...progress.run, id, preference: { a: 1 } } });
    }
  }
  assert.deepEqual(
    lines.map((line) => line.split('  ')[0]),
    ['a', 'b'].flatMap((id) => [`${id}: running`, `${id}: preference a 1`, 'step 1/100', 'step 100/100']),
  );
});
