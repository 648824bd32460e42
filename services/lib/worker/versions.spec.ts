/** Policy versions: pulled once, kept while they are useful, never damaged. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, test, type TestContext } from 'node:test';
import { flatten, sha256OfTensors } from '@gapo/model';
import { RpcError, chunks, connect, serve, toHeader, type PolicyRef, type TensorHeader } from '@gapo/rpc';
import { expectedTensors } from './expectedTensors.js';
import { requestedPolicy, VersionStore } from './mod.js';
import {
  failsWith,
  policyServer,
  runId,
  tinyPolicy,
  versionMessages,
  versionsOf,
  type PolicyServer,
} from './testing.fixture.js';

/**
 * A relay to a server. Once silenced, it keeps its connections open but forwards nothing; new connections
 * work.
 */
async function silentPath(t: TestContext, target: string): Promise<{ address: string; silence: () => void }> {
  const sockets: Socket[] = [];
  const proxy = createServer((near) => {
    const far = createConnection(Number(target.split(':').at(-1)), '127.0.0.1');
    near.pipe(far);
    far.pipe(near);
    for (const socket of [near, far]) {
      socket.on('error', () => undefined);
      sockets.push(socket);
    }
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  const { port } = proxy.address() as AddressInfo;
  const silence = (): void => {
    for (const socket of sockets) {
      socket.unpipe();
      socket.pause();
    }
  };
  return { address: `127.0.0.1:${port}`, silence };
}

const store = ({ client }: PolicyServer) => new VersionStore(client);

describe('the store of versions', () => {
  test('concurrent requests share one pull, and all get the same tensors', async (t) => {
    const policy = await tinyPolicy(t);
    const server = await versionsOf(t, policy);
    const versions = store(server);
    const got = await Promise.all(Array.from({ length: 20 }, () => versions.get(runId, 0)));
    assert.deepEqual(server.pulls, [0]);
    assert.equal(new Set(got).size, 1);
    const [held] = got;
    assert.ok(held !== undefined);
    assert.deepEqual(held.tensors, policy.version(0));
    assert.equal(held.sha256, sha256OfTensors(policy.version(0)));
  });

  test('version 0, the reference, and the two used last are kept', async (t) => {
    const policy = await tinyPolicy(t);
    const server = await versionsOf(t, policy, 4);
    const versions = store(server);
    for (const version of [0, 1, 2, 1, 3]) await versions.get(runId, version);
    assert.deepEqual(server.pulls, [0, 1, 2, 3]);
    for (const version of [0, 1, 3]) await versions.get(runId, version);
    assert.deepEqual(server.pulls, [0, 1, 2, 3], 'these were held');
    await versions.get(runId, 2);
    assert.deepEqual(server.pulls, [0, 1, 2, 3, 2], 'the oldest version was evicted');
  });

  test('runs do not evict each other’s versions', async (t) => {
    const policy = await tinyPolicy(t);
    const server = await versionsOf(t, policy, 4);
    const versions = store(server);
    for (const version of [1, 2]) for (const run of ['a', 'b']) await versions.get(run, version);
    for (const version of [1, 2]) for (const run of ['a', 'b']) await versions.get(run, version);
    assert.deepEqual(server.pulls, [1, 1, 2, 2]);
  });

  test('of all runs that it has seen, it keeps the versions of the four that asked last', async (t) => {
    const policy = await tinyPolicy(t);
    const server = await versionsOf(t, policy);
    const versions = store(server);
    for (const run of ['a', 'b', 'c', 'd', 'a', 'e']) await versions.get(run, 0);
    assert.equal(server.pulls.length, 5);
    for (const run of ['a', 'c', 'd', 'e']) await versions.get(run, 0);
    assert.equal(server.pulls.length, 5, 'these were held');
    await versions.get('b', 0);
    assert.equal(server.pulls.length, 6, 'the versions of the run that asked longest ago were dropped');
  });

  const damages: readonly (readonly [string, (good: ReturnType<typeof versionMessages>) => typeof good, RegExp])[] = [
    ['nothing at all', () => [], /the stream was empty/],
    ['bytes before the header', (good) => good.slice(1), /bytes came before the header/],
    ['an end too early', (good) => good.slice(0, 1), /it ends after 0 bytes; its headers announce \d+/],
    [
      'a flipped bit',
      ([first, ...rest]) => [
        first as (typeof rest)[number],
        ...rest.map(({ chunk }) => {
          const data = Buffer.from(chunk?.data as Uint8Array);
          data[5] = (data[5] as number) ^ 8;
          return { chunk: { offset: chunk?.offset ?? 0, data } };
        }),
      ],
      /its bytes have SHA-256 [0-9a-f]{64}; [0-9a-f]{64} was announced/,
    ],
    [
      'another element type',
      () => {
        const data = Float64Array.of(1, 2);
        return [
          {
            header: {
              runId,
              version: 0,
              sha256: createHash('sha256').update(data).digest('hex'),
              tensors: [toHeader('wide', [2], data)],
            },
          },
          ...[...chunks([data])].map((chunk) => ({ chunk })),
        ];
      },
      /tensor 'wide' is not float32/,
    ],
  ];
  for (const [what, damage, message] of damages) {
    test(`${what} is DATA_LOSS that names run, version and sender, and is not kept`, async (t) => {
      const policy = await tinyPolicy(t);
      const good = versionMessages(0, policy.version(0));
      let damaged = true;
      const server = await policyServer(t, () => (damaged ? damage(good) : good));
      const versions = store(server);
      await assert.rejects(versions.get(runId, 0), (error: unknown) => {
        assert.ok(error instanceof RpcError);
        assert.equal(error.code, 'DATA_LOSS');
        assert.ok(error.message.startsWith(`policy version 0 of run ${runId} from ${server.address}`), error.message);
        assert.match(error.message, message);
        return true;
      });
      damaged = false;
      const { tensors } = await versions.get(runId, 0);
      assert.deepEqual(flatten(tensors), flatten(policy.version(0)));
      assert.deepEqual(server.pulls, [0, 0]);
    });
  }

  test('a version with other tensors than the policy’s specification is refused by name, before memory is taken', async (t) => {
    const policy = await tinyPolicy(t);
    const [first, second, ...rest] = policy.version(0).map(({ name, shape, data }) => toHeader(name, shape, data));
    assert.ok(first !== undefined && second !== undefined);
    const { name, shape } = first;
    const { engine } = requestedPolicy({
      ...policy.ref(0),
      spec: { ignoreKeys: [], loraExceptions: [], computation: null, ...policy.ref(0).spec },
    } as PolicyRef);
    const wrong: readonly (readonly [readonly TensorHeader[], RegExp])[] = [
      [
        [{ ...first, shape: [2 ** 40] }, second, ...rest],
        /has '[^']+' DATA_TYPE_F32 \[1099511627776\] as tensor 1; the/,
      ],
      [
        [{ ...first, shape: shape.toReversed() }, second, ...rest],
        /as tensor 1; the policy's specification has '[^']+' DATA_TYPE_F32 \[/,
      ],
      [[{ ...first, name: `${name}x` }, second, ...rest], /has '[^']+x' /],
      [[first, { ...second, dtype: 'DATA_TYPE_F64' }, ...rest], /DATA_TYPE_F64 \[[\d, ]+\] as tensor 2/],
      [[second, first, ...rest], /as tensor 1/],
      [[first, second, ...rest, { ...first, name: 'more' }], /has 'more' .* has no more tensors/],
      [[first], /has no more as tensor 2/],
      [[], /has no more as tensor 1/],
    ];
    let tensors: readonly TensorHeader[] = [];
    const server = await policyServer(t, ({ version }) => [
      { header: { runId, version, sha256: '', tensors: [...tensors] } },
      { chunk: { offset: 0, data: Buffer.alloc(8) } },
    ]);
    const versions = new VersionStore(server.client, { expected: expectedTensors('/') });
    for (const [headers, expected] of wrong) {
      tensors = headers;
      await assert.rejects(versions.get(runId, 0, engine), failsWith('DATA_LOSS', expected));
    }
    // The tensor thread reports why a model cannot be read.
    const missing = { ...engine, model: '/nowhere' };
    tensors = [];
    await assert.rejects(versions.get(runId, 0, missing), failsWith('DATA_LOSS', /it sends 8 bytes or more/));
  });

  test('a version that the coordinator does not have is NOT_FOUND, and is requested again', async (t) => {
    const server = await versionsOf(t, await tinyPolicy(t));
    const versions = store(server);
    for (let time = 0; time < 2; time++)
      await assert.rejects(versions.get(runId, 9), failsWith('NOT_FOUND', /holds no version 9/));
    assert.deepEqual(server.pulls, [9, 9]);
  });

  test('a pull that stalls is UNAVAILABLE, and the next one may succeed', async (t) => {
    const policy = await tinyPolicy(t);
    const stuck: (() => void)[] = [];
    const server = await policyServer(t, async function* ({ version }) {
      const [header, ...rest] = versionMessages(version, policy.version(version));
      if (header) yield header;
      if (server.pulls.length === 1) await new Promise<void>((resolve) => stuck.push(resolve));
      yield* rest;
    });
    t.after(() => stuck.forEach((release) => release()));
    const versions = new VersionStore(server.client, { stallMs: 1000 });
    await assert.rejects(
      versions.get(runId, 0),
      failsWith('UNAVAILABLE', /policy version 0 of run .*: the coordinator sent nothing for 1 s/),
    );
    assert.deepEqual((await versions.get(runId, 0)).tensors, policy.version(0));
  });

  test('a connection that is silently dead is replaced', async (t) => {
    const policy = await tinyPolicy(t);
    const server = await versionsOf(t, policy);
    const path = await silentPath(t, server.address);
    const reconnect = () => connect('gapo.policy.v1.PolicyService', path.address);
    const versions = new VersionStore(reconnect(), { stallMs: 1000, reconnect });
    t.after(() => versions.close());
    await versions.get(runId, 0);
    path.silence();
    // Another run's version is pulled over the dead connection.
    await assert.rejects(versions.get('other', 0), failsWith('UNAVAILABLE', /./));
    assert.deepEqual((await versions.get('other', 0)).tensors, policy.version(0));
  });

  test('an unreachable coordinator is UNAVAILABLE', async (t) => {
    const gone = await serve({ address: '127.0.0.1:0', services: [] });
    await gone.stop();
    const client = connect('gapo.policy.v1.PolicyService', gone.address);
    t.after(() => client.close());
    await assert.rejects(new VersionStore(client).get(runId, 0), failsWith('UNAVAILABLE', /^connection refused$/));
  });
});
