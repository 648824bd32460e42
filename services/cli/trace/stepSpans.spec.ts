/** Traces in OTLP/JSON: invalid lines are named, and overlapping parts are counted once. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '@gapo/service/testing';
import { waterfallText } from '../render/waterfall.js';
import { readStepTrace } from './stepSpans.js';
import { timeTableOf } from './timeTable.js';

interface Written {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly parent?: string;
  readonly trace?: string;
  readonly step?: number;
}

/** Returns a request with spans. Times are in milliseconds; ids are the names. */
function request(...spans: Written[]): string {
  const text = (key: string, stringValue: string): object => ({ key, value: { stringValue } });
  const written = spans.map(({ name, from, to, parent = '', trace = 'a', step }) => ({
    traceId: trace,
    spanId: name,
    parentSpanId: parent,
    name: name.replace(/#.*/, ''),
    startTimeUnixNano: String(1_700_000_000_000_000_000n + BigInt(from) * 1_000_000n),
    endTimeUnixNano: String(1_700_000_000_000_000_000n + BigInt(to) * 1_000_000n),
    attributes:
      step === undefined ? [] : [text('rl.run.id', 'one'), { key: 'rl.loop.iteration', value: { intValue: step } }],
  }));
  const resource = { attributes: [text('service.name', 'gapo-coordinator')] };
  return `${JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans: written }] }] })}\n`;
}

const root = { name: 'rl.loop', from: 0, to: 1000, step: 7 };
const parts = [
  { name: 'rl.sample', parent: 'rl.loop', from: 100, to: 400 },
  { name: 'rl.reward', parent: 'rl.loop', from: 400, to: 600 },
  { name: 'gapo.step.logprobs', parent: 'rl.loop', from: 350, to: 650 },
  { name: 'gapo.step.gradients', parent: 'not exported', from: 650, to: 800 },
  { name: 'gapo.step.optimizer', parent: 'rl.loop', from: 800, to: 900 },
];

test('a step waits for one phase at a time, and the parts sum to its wall time', async (t) => {
  const file = join(await temporaryDirectory(t), 'trace.jsonl');
  const earlier = { ...root, name: 'rl.loop', trace: 'b', from: -5000, to: -4000 };
  const alike = Array.from({ length: 9 }, (_, i) => ({
    name: `gapo.event.publish#${i}`,
    parent: 'rl.sample',
    from: 200,
    to: 210,
  }));
  // The first parts were exported twice.
  writeFileSync(
    file,
    request(earlier) +
      request(...parts.slice(0, 2)) +
      request(...parts.slice(0, 2)) +
      request(...parts.slice(2), ...alike, root),
  );
  const trace = await readStepTrace(file, 'one', undefined);
  assert.deepEqual([trace.step, trace.root.traceId, trace.spans.length], [7, 'a', 15]);
  const times = timeTableOf(trace);
  const expected = { sampling: 0.3, rewards: 0.2, gradients: 0.2, combination: 0.1, checkpoint: 0, other: 0.2 };
  for (const [part, seconds] of Object.entries(expected))
    assert.ok(Math.abs(times[part as keyof typeof times] - seconds) < 1e-9, part);
  const text = waterfallText(trace);
  assert.match(text, /^ {2}rl\.sample +coordinator +0\.100 +0\.300 {2} {4}█{12}$/m);
  assert.match(text, /^ {4}gapo\.event\.publish: 5 more +0\.050 in all/m);
  assert.match(text, /^ {2}gapo\.step\.gradients/m, 'a span whose parent is missing is under the step');
});

test('a file that is not a trace, or has no such step, is an error that says where', async (t) => {
  const file = join(await temporaryDirectory(t), 'trace.jsonl');
  writeFileSync(file, `${request(root)}{"resourceSpans": "rl.loop"}\n`);
  await assert.rejects(readStepTrace(file, 'one', 7), /trace\.jsonl: line 2: is not OTLP\/JSON of traces/);
  writeFileSync(file, request(root));
  await assert.rejects(readStepTrace(file, 'one', 8), /no trace of step 8 of run one: it has steps 7 to 7/);
  await assert.rejects(readStepTrace(file, 'two', 7), /it has no step of that run/);
});
