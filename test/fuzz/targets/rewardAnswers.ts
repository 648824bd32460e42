/** Responses of reward services over real connections, as used for scoring by the coordinator: damaged and absurd messages. */
import { once } from 'node:events';
import { createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { atOnce, RewardSource, scoreItems } from '@gapo/coordinator/testing';
import type { Item } from '@gapo/rpc';
import { messageDefinition } from '@gapo/rpc/testing';
import fc from 'fast-check';
import { damagedBytes } from '../mutations/bytes.js';
import { type OpenTarget, target } from '../target.js';
import { Fault } from '../verdict.js';

/** A response: the message's bytes, and the status of the call. */
interface Answer {
  readonly bytes: Uint8Array;
  readonly status: string;
  readonly message: string;
}

const ids = ['a', 'b', 'c'];
const items: readonly Item[] = ids.map((id) => ({ id, prompt: 'p', completion: id, metadata: {}, turns: [] }));

/** The longest message of a failure: it goes to logs, events and the run's reason. */
const longestFailure = 1000;

const response = (results: readonly object[]): Buffer =>
  messageDefinition('gapo.reward.v1.ScoreResponse').serialize({ results, version: 'v' });
const whole = response(ids.map((id) => ({ id, score: 0.5 })));

const results = fc.array(
  fc.record(
    {
      id: fc.oneof(fc.constantFrom(...ids, '', 'x'.repeat(100_000), '__proto__'), fc.string()),
      score: fc.oneof(fc.double(), fc.constantFrom(NaN, Infinity, -Infinity, -0, 1e308)),
      error: fc.record({ message: fc.oneof(fc.string(), fc.constant('m'.repeat(100_000))) }),
    },
    { requiredKeys: ['id'] },
  ),
  { maxLength: 6 },
);

const statuses = ['0', '2', '3', '4', '8', '12', '13', '14', '16', '99', '-1', 'x', ''];

const answers: fc.Arbitrary<Answer> = fc.record({
  bytes: fc.oneof(
    { weight: 3, arbitrary: damagedBytes([whole, response([{ id: 'a', error: { message: 'm', retryable: true } }])]) },
    { weight: 3, arbitrary: results.map(response) },
  ),
  status: fc.oneof({ weight: 8, arbitrary: fc.constant('0') }, { weight: 1, arbitrary: fc.constantFrom(...statuses) }),
  message: fc.constantFrom('', 'no', '%', '%zz', 'x'.repeat(20_000)),
});

function frame(bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

function answer(stream: ServerHttp2Stream, { bytes, status, message }: Answer): void {
  stream.on('error', () => undefined);
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status, 'grpc-message': message }));
  stream.end(frame(bytes));
}

export const rewardAnswers: OpenTarget = async () => {
  let next: Answer = { bytes: whole, status: '0', message: '' };
  const server = createServer();
  server.on('stream', (stream) => answer(stream, next));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const log = { info() {}, warn() {}, error() {}, debug() {} } as unknown as ConstructorParameters<
    typeof RewardSource
  >[0]['log'];
  const observer = { progress: () => undefined, scored: () => undefined };
  const read = async (given: Answer): Promise<void> => {
    next = given;
    // A separate source, because a source remembers failures and scores.
    const source = new RewardSource({
      objective: 'helpful',
      target: `127.0.0.1:${port}`,
      timeoutMs: 20_000,
      retryMs: 1,
      log,
    });
    try {
      const { signal } = new AbortController();
      const parts = atOnce(items.length, async () => items);
      const batch = await scoreItems([{ source, onFailure: 'drop' }], parts, 'step 1', signal, observer);
      const [scores] = batch.scores;
      const [objective] = batch.objectives;
      if (scores?.length !== batch.kept.length || !scores.every(Number.isFinite))
        throw new Fault('scores', `the scores are ${String(scores)} of ${batch.kept.length} items`);
      const answered = (objective?.failures.length ?? 0) + batch.kept.length;
      if (answered !== items.length) throw new Fault('count', `${answered} of ${items.length} items have an outcome`);
      const long = objective?.failures.find(({ message }) => message.length > longestFailure);
      if (long !== undefined)
        throw new Fault('quote', `a failure has ${long.message.length} characters: ${long.message.slice(0, 200)}`);
    } finally {
      source.close();
    }
  };
  return target(answers, read, {
    close: async () => {
      server.close();
    },
  });
};
