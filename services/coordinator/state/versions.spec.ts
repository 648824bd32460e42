// Policy versions: which are kept in memory, and that the assembler accepts their streams.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  RpcError,
  TensorAssembler,
  type GetVersionResponseInput,
  type TensorChunk,
  type TensorHeader,
} from '@gapo/rpc';
import { VersionStore } from './versions.js';

const shapes = [
  { name: 'a', shape: [2, 3] },
  { name: 'b', shape: [2] },
];

const parameters = (value: number): Float32Array => new Float32Array(8).fill(value);

function assembled(messages: Iterable<GetVersionResponseInput>): { sha256: string; data: number[][] } {
  const [first, ...rest] = messages;
  assert.ok(first?.header?.sha256);
  const { sha256, tensors } = first.header;
  const assembler = new TensorAssembler(tensors as TensorHeader[], { sha256 });
  for (const { chunk } of rest) assembler.add(chunk as TensorChunk);
  return { sha256, data: assembler.finish().map(({ data }) => [...data]) };
}

test('version 0 and the newest few are held', () => {
  const store = new VersionStore(shapes);
  for (let version = 0; version < 10; version++) store.put(version, parameters(version));
  assert.deepEqual(store.list(), [0, 7, 8, 9]);
});

test('a pinned version stays until it is unpinned, and is loaded if it is not held', async () => {
  const store = new VersionStore(shapes);
  for (let version = 0; version < 10; version++) store.put(version, parameters(version));
  const never = (): Promise<Float32Array> => assert.fail('a held version is not loaded');
  const unpin = await store.pin(7, never);
  const unpinOld = await store.pin(2, () => Promise.resolve(parameters(2)));
  for (let version = 10; version < 15; version++) store.put(version, parameters(version));
  assert.deepEqual(store.list(), [0, 2, 7, 12, 13, 14]);
  unpin();
  unpin();
  unpinOld();
  assert.deepEqual(store.list(), [0, 12, 13, 14]);
});

test('a stream carries the tensors and their hash; its chunks are created once, as views', () => {
  const store = new VersionStore(shapes);
  const own = Float32Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
  store.put(3, own);
  const first = [...store.messages('run', 3)];
  const second = [...store.messages('run~1', 3)];
  assert.deepEqual(assembled(first), {
    sha256: store.get(3)?.sha256,
    data: [
      [1, 2, 3, 4, 5, 6],
      [7, 8],
    ],
  });
  assert.ok(first[1]?.chunk);
  assert.equal(first[1].chunk, second[1]?.chunk);
  assert.equal((first[1].chunk.data as Buffer).buffer, own.buffer);
  assert.equal(second[0]?.header?.runId, 'run~1');
});

test('a version that is not held is NOT_FOUND; the error lists those that are', () => {
  const store = new VersionStore(shapes);
  store.put(0, parameters(0));
  assert.throws(
    () => [...store.messages('run', 5)],
    (error) =>
      error instanceof RpcError && error.code === 'NOT_FOUND' && /holds no version 5; it holds 0/.test(error.message),
  );
});

test('parameters of the wrong size are refused', () => {
  assert.throws(() => new VersionStore(shapes).put(1, new Float32Array(7)), /has 7 elements, expected 8/);
});
