/** How the events of a run are delivered to its followers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CloudEvent } from '@gapo/events';
import { Audience, Follower, type EventBatch } from './audience.js';

const event = (step: number): CloudEvent =>
  ({ id: `r/${step}`, type: 'gapo.v1.step', subject: 'r', data: { step } }) as unknown as CloudEvent;

async function collected(follower: Follower): Promise<EventBatch[]> {
  const batches: EventBatch[] = [];
  for await (const batch of follower.batches()) batches.push(batch);
  return batches;
}

test('a single follower gets each event at once, and many share what has accumulated', async () => {
  const audience = new Audience();
  const first = new Follower();
  audience.join(first);
  audience.add(event(1));
  // So many that the next batch is due only in minutes; what follows is delivered when the audience
  // ends.
  const others = Array.from({ length: 300_000 }, () => new Follower());
  for (const other of others) audience.join(other);
  for (const step of [2, 3, 4]) audience.add(event(step));
  audience.end();
  const batches = await collected(first);
  assert.deepEqual(
    batches.map((batch) => batch.map(({ id }) => id)),
    [['r/1'], ['r/2', 'r/3', 'r/4']],
  );
  const last = await collected(others.at(-1) as Follower);
  assert.equal(last.length, 1);
  assert.equal(last[0], batches[1]);
});

test('a reader that joins a replay gets what was passed on since it began', async () => {
  const audience = new Audience();
  audience.replay = { known: Promise.resolve([]), newer: [] };
  assert.equal(audience.isEmpty, false);
  audience.add(event(1));
  assert.deepEqual(
    audience.replay.newer.map((batch) => batch.map(({ id }) => id)),
    [['r/1']],
  );
  audience.replay = undefined;
  assert.equal(audience.isEmpty, true);
});

test('a follower that does not read is disconnected after what is queued', async () => {
  const follower = new Follower();
  const batch = Array.from({ length: 6000 }, (_, step) => event(step));
  for (let i = 0; i < 4; i++) follower.push(batch);
  assert.deepEqual(await collected(follower), [batch, batch]);
});
