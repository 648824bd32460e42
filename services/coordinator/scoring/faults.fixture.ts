/** What a bad reward service does, each thing once: answers for the tests, and a relay whose connections break in mid-call. */
import { connect as connectSocket, createServer, type AddressInfo, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { maxReceiveBytes, RpcError, type ResultInput, type RpcCode } from '@gapo/rpc';
import type { Scorer } from '../world.fixture.js';

/** Connections to a server that the test can break. */
export interface Relay {
  readonly address: string;
  /** Destroys every connection, once this many more bytes have come from the server. */
  breakAfter(bytes: number): void;
}

/** Listens on a free port and passes bytes on, both ways. */
export async function relayTo(t: TestContext, target: string): Promise<Relay> {
  const [host = '', port = ''] = target.split(':');
  const open = new Set<Socket>();
  let left = Infinity;
  const destroyAll = (): void => {
    for (const socket of open) socket.destroy();
    left = Infinity;
  };
  const server = createServer((near) => {
    const far = connectSocket(Number(port), host);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => (open.delete(socket), other.destroy()));
    }
    near.on('data', (bytes) => far.write(bytes));
    far.on('data', (bytes) => {
      near.write(bytes.subarray(0, left));
      left -= bytes.length;
      if (left <= 0) destroyAll();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    destroyAll();
    server.close();
  });
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    breakAfter: (bytes) => (bytes > 0 ? (left = bytes) : destroyAll()),
  };
}

/** Something that goes wrong in a call. */
export interface Fault {
  /**
   * The answer to the call.
   *
   * @param results those of a good service
   * @param alone the relay, once no other call is under way on its connection
   */
  readonly answer: (results: ResultInput[], alone: () => Promise<Relay>) => ReturnType<Scorer>;
  /** Which items of the call then have no score, by their place. */
  readonly lost: 'all' | readonly number[];
  /** What is said of the first of them. */
  readonly told: RegExp;
  /** Calls for the first item until it is given up; more than one where the next may succeed. */
  readonly calls: number;
}

const never = new Promise<never>(() => undefined);

const withError =
  (place: number, error: ResultInput['error']): Fault['answer'] =>
  (results) => ({ results: results.map((result, i) => (i === place ? { id: result.id!, error: error! } : result)) });

const withScore =
  (score: number): Fault['answer'] =>
  (results) => ({ results: results.map((result, i) => (i === 1 ? { ...result, score } : result)) });

const failing =
  (code: RpcCode): Fault['answer'] =>
  () => {
    throw new RpcError(code, 'not today');
  };

/** Every fault, by what it is. */
export const faults: Readonly<Record<string, Fault>> = {
  'no answer by the deadline': { answer: () => never, lost: 'all', told: /^DEADLINE_EXCEEDED: /, calls: 1 },
  UNAVAILABLE: { answer: failing('UNAVAILABLE'), lost: 'all', told: /^UNAVAILABLE: not today$/, calls: 3 },
  RESOURCE_EXHAUSTED: {
    answer: failing('RESOURCE_EXHAUSTED'),
    lost: 'all',
    told: /^RESOURCE_EXHAUSTED: not today$/,
    calls: 3,
  },
  ABORTED: { answer: failing('ABORTED'), lost: 'all', told: /^ABORTED: not today$/, calls: 3 },
  INTERNAL: { answer: failing('INTERNAL'), lost: 'all', told: /^INTERNAL: not today$/, calls: 1 },
  INVALID_ARGUMENT: {
    answer: failing('INVALID_ARGUMENT'),
    lost: 'all',
    told: /^INVALID_ARGUMENT: not today$/,
    calls: 1,
  },
  'an error of an item that may pass': {
    answer: withError(0, { message: 'busy', retryable: true }),
    lost: [0],
    told: /^busy$/,
    calls: 2,
  },
  'an error of an item that stays': {
    answer: withError(1, { message: 'too rude to read' }),
    lost: [1],
    told: /^too rude to read$/,
    calls: 1,
  },
  'an item with neither score nor error': {
    answer: (results) => ({ results: results.map(({ id = '', ...rest }, i) => (i === 1 ? { id } : { id, ...rest })) }),
    lost: [1],
    told: /^the result has neither score nor error$/,
    calls: 1,
  },
  NaN: { answer: withScore(Number.NaN), lost: [1], told: /^the score is NaN$/, calls: 1 },
  infinity: { answer: withScore(-Infinity), lost: [1], told: /^the score is -Infinity$/, calls: 1 },
  'a result too few': {
    answer: (results) => ({ results: results.slice(0, -1) }),
    lost: [9],
    told: /^9 results came back for 10 items$/,
    calls: 1,
  },
  'a result too many': {
    answer: (results) => ({ results: [...results, { id: 'another', score: 1 }] }),
    lost: 'all',
    told: /^11 results came back for 10 items$/,
    calls: 1,
  },
  'results in another order': {
    answer: ([first = {}, second = {}, ...rest]) => ({ results: [second, first, ...rest] }),
    lost: [0, 1],
    told: /^result 0 is for item "2\.0\.1", expected "2\.0\.0"$/,
    calls: 1,
  },
  'an id twice': {
    answer: ([first = {}, , ...rest]) => ({ results: [first, first, ...rest] }),
    lost: [1],
    told: /^result 1 is for item "2\.0\.0", expected "2\.0\.1"$/,
    calls: 1,
  },
  'a message larger than is read': {
    answer: withError(1, { message: 'x'.repeat(maxReceiveBytes) }),
    lost: 'all',
    told: /^RESOURCE_EXHAUSTED: Received message larger than max/,
    calls: 3,
  },
  'a connection that breaks before the answer': {
    answer: async (_results, alone) => ((await alone()).breakAfter(0), never),
    lost: 'all',
    told: /^UNAVAILABLE: /,
    calls: 3,
  },
  'a connection that breaks within the answer': {
    answer: async (results, alone) => {
      (await alone()).breakAfter(100_000);
      return withError(1, { message: 'x'.repeat(1_000_000) })(results, alone);
    },
    lost: 'all',
    told: /^UNAVAILABLE: /,
    calls: 3,
  },
};
