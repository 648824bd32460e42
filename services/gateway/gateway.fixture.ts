/** For the tests of the gateway: a real TrainingService with given runs, a real gateway, readers of event streams. */
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { connectEvents, startNatsServer, type EventBus, type Outbox } from '@gapo/events';
import {
  RpcError,
  serve,
  type Admission,
  type Handlers,
  type RunInput,
  type StepReport,
  type WatchRunResponseInput,
} from '@gapo/rpc';
import { implementSome } from '@gapo/rpc/testing';
import { logger } from '@gapo/service';
import { startGateway, type Gateway } from './server.js';

/** How long tests wait for queued events to be sent, in milliseconds: longer than a busy machine needs. */
export const patienceMs = 600_000;

/** Returns a run with two objectives. */
export function testRun(id: string, step: number): RunInput {
  return {
    id,
    state: 'RUN_STATE_RUNNING',
    step,
    totalSteps: 5,
    objectives: ['helpful', 'harmless'],
    method: 'gapo',
    created: { seconds: 1_735_689_600, nanos: 0 },
    configSha256: 'c'.repeat(64),
    versionSha256: 'f'.repeat(64),
  };
}

/** Returns a step whose numbers all differ. */
export function testStep(step: number): StepReport {
  const objective = (name: string, rewardMean: number, weight: number, cosines: Record<string, number>) => ({
    name,
    rewardMean,
    rewardStd: 0.5,
    weight,
    alpha: weight,
    gradientNorm: 2,
    progress: 0.25,
    latencyMs: 12,
    failed: 0,
    cosines,
  });
  return {
    step,
    objectives: [
      objective('helpful', 0.1 * step, 0.625, { harmless: -0.25 }),
      objective('harmless', 1 + 0.05 * step, 0.375, {}),
    ],
    kktResidual: 3e-12,
    kl: 0.01 * step,
    entropy: 1.5,
    clipFraction: 0.125,
    maxLogprobGap: 1e-6,
    stationarity: 0.75,
    updateNorm: 0.5,
    learningRate: 1e-3,
    tokens: 1200,
    completionLength: 9.5,
    finishedFraction: 1,
    seconds: 1.5,
    phases: { sampling: 0.7, rewards: 0.1, gradients: 0.6, combination: 0.05, checkpoint: 0.05 },
    etaSeconds: 3,
    traceId: 'ab'.repeat(16),
    weightsAge: 0,
  };
}

/** The runs of a test service. */
export interface TestRuns {
  runs: RunInput[];
  /** The messages that WatchRun sends after a given step before it ends. */
  watch: (runId: string, afterStep: number) => AsyncIterable<WatchRunResponseInput>;
  /** The token that callers need. @default none */
  token?: string;
  /** The role of that token. @default viewer */
  role?: string;
}

/** Starts a TrainingService on a free port. Returns its address. @param handlers of the methods under test */
export async function trainingService(
  t: TestContext,
  { runs, watch, token, role = 'viewer' }: TestRuns,
  handlers: Partial<Handlers<'gapo.training.v1.TrainingService'>> = {},
): Promise<string> {
  const find = (id: string): RunInput => {
    const run = runs.find((each) => each.id === id);
    if (run === undefined) throw new RpcError('NOT_FOUND', `there is no run ${id}`);
    return run;
  };
  const service = implementSome('gapo.training.v1.TrainingService', {
    GetRun: async ({ runId }) => ({ run: find(runId) }),
    ListRuns: async () => ({ runs }),
    async *WatchRun({ runId, afterStep }) {
      yield { run: find(runId) };
      yield* watch(runId, afterStep);
    },
    GetCaller: async (_, { caller }) => ({ name: caller?.name ?? '', role: caller?.role ?? '' }),
    ListEvaluations: async () => ({ reports: [] }),
    ListSamples: async () => ({}),
    GetSample: async () => ({}),
    ...handlers,
  });
  const admit: Admission['admit'] = async ({ authorization, method }) => {
    if (authorization === `Bearer ${token}`) return { name: 'vi', role };
    throw new RpcError('UNAUTHENTICATED', `${method} needs a token with the role viewer`);
  };
  const admission = token === undefined ? undefined : { service: service.service, admit };
  const server = await serve({ address: '127.0.0.1:0', services: [service], admission, shutdownGraceMs: 0 });
  t.after(() => server.stop());
  return server.address;
}

/** Starts a gateway on a free port. */
export async function gatewayOn(t: TestContext, coordinator: string, bus: EventBus): Promise<Gateway> {
  const gateway = await startGateway({ listen: '127.0.0.1:0', coordinator, bus, log: logger('test') });
  t.after(() => gateway.stop());
  return gateway;
}

/** Connects an in-process bus. */
export async function inProcessBus(t: TestContext): Promise<EventBus> {
  const bus = await connectEvents({ source: 'gapo/test', inProcess: true });
  t.after(() => bus.close());
  return bus;
}

/** Two connections to a NATS server. */
export interface NatsBuses {
  readonly publisher: EventBus;
  /** Opens the publisher's outbox for a run. */
  readonly outboxOf: (runId: string) => Outbox;
  readonly bus: EventBus;
}

/**
 * Opens two connections to a real NATS server: the publisher's, like the coordinator's, and the gateway's. Undefined if no server is installed.
 */
export async function natsBuses(t: TestContext): Promise<NatsBuses | undefined> {
  const storeDir = mkdtempSync(join(tmpdir(), 'gapo-gateway-'));
  const server = await startNatsServer({ storeDir });
  if (server === undefined) {
    rmSync(storeDir, { recursive: true });
    t.skip('no nats-server on this machine: apt-get install nats-server');
    return undefined;
  }
  const [publisher, bus] = await Promise.all(
    ['gapo/coordinator', 'gapo/gateway'].map((source) => connectEvents({ url: server.url, source })),
  );
  t.after(async () => {
    await Promise.all([publisher?.close(), bus?.close()]);
    await server.stop();
    rmSync(storeDir, { recursive: true, force: true });
  });
  if (publisher === undefined || bus === undefined) throw new Error('two connections were opened');
  const outboxOf = (runId: string): Outbox => publisher.outbox(runId, { directory: join(storeDir, 'logs', runId) });
  return { publisher, outboxOf, bus };
}

/** One server-sent event. */
export interface Received {
  id: string | undefined;
  data: { type: string; data: Record<string, unknown> };
}

/** Reads an event stream until it ends or the reader disconnects. */
export async function* readEvents(url: string, lastEventId?: string): AsyncGenerator<Received> {
  const gone = new AbortController();
  const headers: Record<string, string> = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  const response = await fetch(url, { headers, signal: gone.signal });
  if (response.body === null || !response.ok) throw new Error(`${url} answered ${response.status}`);
  const decoder = new TextDecoder();
  let text = '';
  try {
    for await (const chunk of response.body) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const field = (name: string): string | undefined =>
          block
            .split('\n')
            .find((line) => line.startsWith(`${name}: `))
            ?.slice(name.length + 2);
        const data = field('data');
        if (data !== undefined) yield { id: field('id'), data: JSON.parse(data) as Received['data'] };
      }
    }
  } finally {
    gone.abort();
  }
}

/** Reads the next events, at most `count`. */
export async function takeEvents(events: AsyncGenerator<Received>, count: number): Promise<Received[]> {
  const taken: Received[] = [];
  while (taken.length < count) {
    const next = await events.next();
    if (next.done === true) break;
    taken.push(next.value);
  }
  return taken;
}

/** A run that takes steps when the test tells it to, for any number of watchers. */
export class SteppedRun {
  readonly run: RunInput;
  readonly #steps: StepReport[];
  readonly #taken = new EventEmitter();

  /** @param steps the steps already taken */
  constructor(id: string, steps: readonly StepReport[]) {
    this.run = testRun(id, steps.length);
    this.#steps = [...steps];
    this.#taken.setMaxListeners(0);
  }

  /** Takes a step. */
  take(step: StepReport): void {
    this.#steps.push(step);
    Object.assign(this.run, { step: step.step });
    this.#taken.emit('step');
  }

  /** The messages of WatchRun: a run in progress, whose stream stays open. */
  watch = async function* (this: SteppedRun, _: string, after: number): AsyncGenerator<WatchRunResponseInput> {
    for (let next = after; ; next++) {
      const step = this.#steps[next];
      if (step === undefined) {
        await once(this.#taken, 'step');
        next--;
      } else yield { step };
    }
  }.bind(this);
}
