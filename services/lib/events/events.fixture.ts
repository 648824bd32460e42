/** For the tests of events: a server and a bus for one test, sample events, a wait for the n-th event. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { isExpected } from '@gapo/service';
import {
  connectEvents,
  findNatsServer,
  startNatsServer,
  type CloudEvent,
  type ConnectOptions,
  type EventBus,
  type EventError,
  type NatsServer,
  type Outbox,
} from './mod.js';

/** Why tests with a server are skipped on this machine; false if they are not. */
export const noServer =
  findNatsServer() === undefined && 'nats-server is not installed: `apt-get install nats-server`, or put it on PATH';

/** How long tests wait for queued events to be sent, in milliseconds: longer than a busy machine needs. */
export const patienceMs = 600_000;

const cleanups = new WeakMap<TestContext, (() => unknown)[]>();

/** Runs cleanups at the end of the test in reverse order; node itself runs hooks in the order in which they were added. */
function atEnd(t: TestContext, cleanup: () => unknown): void {
  const present = cleanups.get(t);
  if (present !== undefined) {
    present.push(cleanup);
    return;
  }
  const list = [cleanup];
  cleanups.set(t, list);
  t.after(async () => {
    for (const next of list.reverse()) await next();
  });
}

/** Creates a directory that is removed with the test. */
export function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'gapo-events-'));
  atEnd(t, () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Starts a server that stops with the test. */
export async function testServer(t: TestContext, storeDir: string, port = 0): Promise<NatsServer> {
  const server = await startNatsServer({ storeDir, port });
  if (server === undefined) throw new Error('nats-server disappeared');
  atEnd(t, () => server.stop());
  return server;
}

/**
 * Starts a server with a configuration. It stops with the test.
 *
 * @param config in which STORE is the line that enables JetStream
 */
export async function configuredServer(t: TestContext, config: string): Promise<NatsServer> {
  const storeDir = temporaryDirectory(t);
  const configFile = join(storeDir, 'server.conf');
  writeFileSync(configFile, config.replace('STORE', `jetstream { store_dir: "${storeDir}" }`));
  const server = await startNatsServer({ storeDir, configFile });
  if (server === undefined) throw new Error('nats-server disappeared');
  atEnd(t, () => server.stop());
  return server;
}

/** Connects a bus that is closed with the test. Returns it with the errors that it reports and the directory of its logs. */
export async function testBus(t: TestContext, options: Partial<ConnectOptions>) {
  const errors: EventError[] = [];
  const directory = temporaryDirectory(t);
  const bus = await connectEvents({ source: 'gapo/test', onError: (error) => errors.push(error), ...options });
  directories.set(bus, directory);
  atEnd(t, () => bus.close(100));
  return { bus, errors, directory };
}

/** Returns the message of an expected error. Fails if there is none. */
export async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => assert.fail('accepted'),
    (thrown: unknown) => thrown,
  );
  assert.ok(isExpected(error), String(error));
  return error.message;
}

const outboxes = new WeakMap<EventBus, Map<string, Outbox>>();
const directories = new WeakMap<EventBus, string>();

/** Returns the outbox of a run. A test bus opens it once, in a directory that is removed with the test. */
export function outboxOf(bus: EventBus, runId: string): Outbox {
  const opened = outboxes.get(bus) ?? new Map<string, Outbox>();
  outboxes.set(bus, opened);
  const present = opened.get(runId);
  if (present !== undefined) return present;
  const outbox = bus.outbox(runId, { directory: join(directories.get(bus) ?? assert.fail(), runId) });
  opened.set(runId, outbox);
  return outbox;
}

/** Publishes state events whose `to` counts up from `first`. */
export function publishStates(bus: EventBus, runId: string, count: number, first = 0): void {
  for (let i = first; i < first + count; i++) {
    outboxOf(bus, runId).publish('state', { from: '', to: String(i), reason: '' }, { id: String(i) });
  }
}

/** Returns the `to` of a state event. */
export function stateOf(event: CloudEvent): string {
  return event.type === 'gapo.v1.state' ? event.data.to : event.type;
}

/** Collects events; `first(n)` resolves with the first n. */
export function collector() {
  const events: CloudEvent[] = [];
  let wake = () => {};
  return {
    events,
    handler: (event: CloudEvent) => {
      events.push(event);
      wake();
    },
    first: async (count: number): Promise<CloudEvent[]> => {
      while (events.length < count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return events.slice(0, count);
    },
  };
}

/** Collects all items of an iteration. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}
