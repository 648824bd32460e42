/** Readers that connect and reconnect while another reader's replay is in progress. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { CloudEvent, EventBus } from '@gapo/events';
import type { Resumption } from './answered.js';
import { EventHub } from './eventHub.js';

const event = (step: number): CloudEvent =>
  ({ id: `one/step/${step}`, type: 'gapo.v1.step', subject: 'one', sequence: String(step), time: String(step), data: { step } }) as unknown as CloudEvent; // prettier-ignore

/**
 * A bus whose stream has all published events and whose replays wait until the test releases them.
 */
class HeldBus {
  readonly stream: CloudEvent[] = [];
  readonly replays: (() => void)[] = [];
  #take: (event: CloudEvent) => void = () => undefined;

  publish(step: number): void {
    this.stream.push(event(step));
    this.#take(event(step));
  }

  stats() {
    return { connected: true };
  }

  async subscribe(_: unknown, take: (event: CloudEvent) => void) {
    this.#take = take;
    return { stop: async () => undefined };
  }

  async *replay(): AsyncGenerator<CloudEvent> {
    const had = [...this.stream];
    await new Promise<void>((resolve) => this.replays.push(resolve));
    yield* had;
  }
}

test('a reader that comes back during a replay gets what it has not, and once', async () => {
  const bus = new HeldBus();
  const hub = new EventHub(bus as unknown as EventBus);
  await hub.start((error) => assert.fail(String(error)));
  const ends = new AbortController();
  const follow = (after: Partial<Resumption> = {}) => {
    const steps: number[] = [];
    const done = (async () => {
      for await (const batch of hub.follow('one', { id: undefined, step: undefined, ...after }, ends.signal))
        for (const { sequence } of batch) steps.push(Number(sequence));
    })();
    return { steps, done };
  };
  for (const step of [1, 2]) bus.publish(step);
  const first = follow();
  bus.publish(3);
  bus.publish(4);
  // Waits until it has been delivered, which takes a millisecond per follower.
  await delay(10);
  // It read step 4 before its connection broke.
  const back = follow({ id: 'one/step/4' });
  const ahead = follow({ step: 5 });
  const fresh = follow();
  bus.publish(5);
  for (const release of bus.replays.splice(0)) release();
  while (fresh.steps.length < 5 || back.steps.length < 1) await new Promise(setImmediate);
  // An id in neither the replay nor the events after it: it came from another gateway, which was
  // faster.
  const unknown = follow({ id: 'one/step/7' });
  for (const step of [6, 7]) bus.publish(step);
  while (bus.replays.length === 0) await new Promise(setImmediate);
  for (const release of bus.replays.splice(0)) release();
  bus.publish(8);
  while (unknown.steps.length < 1 || fresh.steps.at(-1) !== 8) await new Promise(setImmediate);
  ends.abort();
  await Promise.all([first, back, ahead, fresh, unknown].map(({ done }) => done));
  assert.deepEqual(first.steps, [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual(fresh.steps, [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual(back.steps, [5, 6, 7, 8]);
  assert.deepEqual(ahead.steps, [6, 7, 8]);
  assert.deepEqual(unknown.steps.slice(-1), [8]);
  await hub.stop();
});
