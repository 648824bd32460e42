// Tensors: exact round trips in one message and in chunks, and an error for every way in which the bytes can be
// wrong.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import {
  RpcError,
  TensorAssembler,
  chunks,
  fromTensor,
  toHeader,
  toTensor,
  type TensorChunk,
  type TensorData,
  type TensorHeader,
} from './mod.js';
import { policyServer } from './testServers.fixture.js';

/** The SHA-256 (hex) of the concatenated bytes of the arrays. */
function sha256Tensors(arrays: readonly TensorData[]): string {
  const hash = createHash('sha256');
  for (const { buffer, byteOffset, byteLength } of arrays) hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  return hash.digest('hex');
}

const floats = Float32Array.of(1, -0, Infinity, 1e-40, Number.NaN, 3.5);
const doubles = Float64Array.of(Math.PI, -1e300);
const integers = Int32Array.of(-(2 ** 31), 2 ** 31 - 1, 0);

function coded(code: string, pattern: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof RpcError && error.code === code && pattern.test(error.message);
}

/** A small stream: tensors of all types, one without elements, one scalar. */
function sample(): { headers: TensorHeader[]; arrays: TensorData[] } {
  const named: [string, number[], TensorData][] = [
    ['a', [2, 3], floats],
    ['empty', [0, 4], new Float32Array(0)],
    ['b', [2], doubles],
    ['scalar', [], Float32Array.of(7)],
    ['c', [3], integers],
    ['last', [0], new Int32Array(0)],
  ];
  return {
    headers: named.map(([name, shape, data]) => toHeader(name, shape, data)),
    arrays: named.map(([, , data]) => data),
  };
}

function assemble(headers: TensorHeader[], pieces: Iterable<TensorChunk>, sha256?: string): TensorData[] {
  const assembler = new TensorAssembler(headers, { sha256, what: 'version 7' });
  for (const piece of pieces) assembler.add(piece);
  return assembler.finish().map(({ data }) => data);
}

test('a tensor round trips bit for bit, aligned without a copy and unaligned with one', () => {
  for (const data of [floats, doubles, integers]) {
    const tensor = toTensor('w', [data.length], data);
    assert.equal(tensor.data.buffer, data.buffer, 'no copy on the way out');
    const back = fromTensor(tensor);
    assert.deepEqual(back, { name: 'w', shape: [data.length], data });
    assert.equal(back.data.buffer, data.buffer, 'no copy on the way in');

    const shifted = Buffer.alloc(tensor.data.length + 1);
    tensor.data.copy(shifted, 1);
    const copied = fromTensor({ header: tensor.header, data: shifted.subarray(1) });
    assert.deepEqual(copied.data, data);
  }
  const scalar = fromTensor(toTensor('s', [], Float32Array.of(2)), 'DATA_TYPE_F32');
  assert.deepEqual(scalar, { name: 's', shape: [], data: Float32Array.of(2) });
  const part = fromTensor(toTensor('part', [2], floats.subarray(2, 4)));
  assert.deepEqual(part.data, floats.subarray(2, 4));
});

test('a tensor that is not what it says is refused by name', () => {
  const good = toTensor('w', [6], floats);
  const header = good.header as TensorHeader;
  const bad =
    (changes: Partial<TensorHeader>, data = good.data) =>
    () =>
      fromTensor({ header: { ...header, ...changes }, data });
  assert.throws(
    bad({ shape: [7] }),
    coded('INVALID_ARGUMENT', /tensor 'w' has 24 bytes; DATA_TYPE_F32 \[7\] takes 28/),
  );
  assert.throws(bad({}, good.data.subarray(1)), coded('INVALID_ARGUMENT', /tensor 'w' has 23 bytes/));
  assert.throws(bad({ shape: [-6] }), coded('INVALID_ARGUMENT', /tensor 'w' has shape \[-6\]/));
  assert.throws(bad({ name: 'w'.repeat(5000), shape: [7] }), coded('INVALID_ARGUMENT', /^tensor 'w{100}…' .{0,200}$/));
  const many = Array.from({ length: 700 }, () => 1);
  assert.throws(
    bad({ shape: many }),
    coded('INVALID_ARGUMENT', /tensor 'w' has shape \[(1, ){8}… 700 dimensions\]: .* at most 8/),
  );
  assert.throws(bad({ shape: [2 ** 40, 2 ** 40] }), coded('INVALID_ARGUMENT', /tensor 'w' has shape/));
  assert.throws(
    bad({ dtype: 'DATA_TYPE_UNSPECIFIED' }),
    coded('INVALID_ARGUMENT', /'w' has dtype DATA_TYPE_UNSPECIFIED/),
  );
  assert.throws(
    () => fromTensor(good, 'DATA_TYPE_F64'),
    coded('INVALID_ARGUMENT', /'w' .*F32; DATA_TYPE_F64 is expected/),
  );
  assert.throws(() => fromTensor(null), coded('INVALID_ARGUMENT', /a tensor is missing/));
  assert.throws(() => toTensor('w', [5], floats), /tensor 'w' has 6 elements, which do not fill the shape \[5\]/);
});

test('chunks of every size carry the concatenation, in order and in equal parts', () => {
  const { headers, arrays } = sample();
  const sha256 = sha256Tensors(arrays);
  const total = arrays.reduce((sum, { byteLength }) => sum + byteLength, 0);
  for (let size = 1; size <= total + 1; size += 1) {
    const pieces = [...chunks(arrays, size)];
    assert.equal(pieces.length, Math.ceil(total / size));
    pieces.forEach((piece, index) => assert.equal(piece.offset, index * size));
    assert.deepEqual(assemble(headers, pieces, sha256), arrays);
  }
  const [whole] = chunks([floats]);
  assert.equal(whole?.data.buffer, floats.buffer, 'a chunk within one array is not copied');
  assert.deepEqual([...chunks([])], []);
  assert.deepEqual(assemble([], [], sha256Tensors([])), []);
  assert.throws(() => [...chunks(arrays, 0)], RangeError);
});

test('chunks that are short, surplus, out of order, repeated or corrupt are refused', () => {
  const { headers, arrays } = sample();
  const sha256 = sha256Tensors(arrays);
  const pieces = [...chunks(arrays, 16)];
  const [first, second] = pieces as [TensorChunk, TensorChunk];
  const lost = (pattern: RegExp) => coded('DATA_LOSS', pattern);
  assert.throws(
    () => assemble(headers, pieces.slice(0, -1)),
    lost(/^version 7 is damaged: it ends after 48 bytes; .* 56/),
  );
  assert.throws(() => assemble(headers, [second, first]), lost(/a chunk starts at byte 16 where byte 0 comes next/));
  assert.throws(() => assemble(headers, [first, first]), lost(/a chunk starts at byte 0 where byte 16 comes next/));
  assert.throws(
    () => assemble(headers.slice(0, 3), pieces),
    lost(/it sends \d+ bytes or more; its headers announce 40/),
  );
  const corrupt = Buffer.from(second.data);
  corrupt.writeUInt8(corrupt.readUInt8(3) ^ 1, 3);
  const damaged = pieces.with(1, { offset: second.offset, data: corrupt });
  assert.throws(
    () => assemble(headers, damaged, sha256),
    lost(/have SHA-256 [0-9a-f]{64}; [0-9a-f]{64} was announced/),
  );
  assert.throws(
    () => new TensorAssembler([...headers, headers[0] as TensorHeader]),
    coded('INVALID_ARGUMENT', /'a' twice/),
  );
});

test('headers that announce more than memory, or than is allowed, are refused by name before anything arrives', () => {
  const headers = ['small', 'huge'].map((name, i) => ({
    name,
    dtype: 'DATA_TYPE_F64' as const,
    shape: [2 ** (49 * i)],
  }));
  const refused = coded('RESOURCE_EXHAUSTED', /announces 4503599627370504 bytes, .* 'huge' of 4503599627370496 bytes/);
  assert.throws(() => new TensorAssembler(headers), refused);
  assert.throws(
    () => new TensorAssembler(headers.slice(0, 1), { maxBytes: 7 }),
    coded('RESOURCE_EXHAUSTED', /8 bytes, more than 7/),
  );
  // Within the limit, a header alone allocates nothing.
  const assembler = new TensorAssembler(headers, { maxBytes: Infinity });
  assert.equal(assembler.totalBytes, 2 ** 52 + 8);
  assert.throws(() => assembler.finish(), coded('DATA_LOSS', /ends after 0 bytes/));
});

test('tensors go to the arrays that are allocated for them, the others to new memory', () => {
  const { headers, arrays } = sample();
  const pieces = [...chunks(arrays, 5)];
  const own = new Float32Array(10);
  const asked: string[] = [];
  const assembler = new TensorAssembler(headers, {
    allocate: ({ name }, index) => {
      asked.push(`${index} ${name}`);
      return name === 'a' ? own.subarray(2, 8) : undefined;
    },
  });
  for (const piece of pieces) assembler.add(piece);
  const tensors = assembler.finish().map(({ data }) => data);
  assert.deepEqual(tensors, arrays);
  assert.equal(tensors[0]?.buffer, own.buffer);
  assert.deepEqual(own, Float32Array.of(0, 0, ...floats, 0, 0));
  assert.deepEqual(asked, ['0 a', '2 b', '3 scalar', '4 c'], 'once for each tensor that has elements');

  for (const wrong of [new Float32Array(5), new Int32Array(6)]) {
    const short = new TensorAssembler(headers, { allocate: () => wrong });
    assert.throws(
      () => short.add(pieces[0] as TensorChunk),
      /^RangeError: tensor 'a' is DATA_TYPE_F32 with 6 elements; DATA_TYPE_.32 with \d was allocated for it$/,
    );
  }
});

test('two tensors of 40 MB arrive whole over a real stream', async (t) => {
  const arrays = [1, 2].map((seed) => Float32Array.from({ length: 10_000_000 }, (_, index) => (index * seed) % 8191));
  const headers = arrays.map((data, index) => toHeader(`g${index}`, [data.length], data));
  const sha256 = sha256Tensors(arrays);
  const { client } = await policyServer(t, async function* () {
    yield { header: { sha256, tensors: headers } };
    for (const chunk of chunks(arrays)) yield { chunk };
  });
  const receive = async (check: boolean): Promise<TensorData[]> => {
    let assembler: TensorAssembler | undefined;
    for await (const { header, chunk } of client.GetVersion({}, { deadlineMs: Infinity })) {
      if (header) assembler = new TensorAssembler(header.tensors, { sha256: check ? header.sha256 : undefined });
      else if (chunk) assembler?.add(chunk);
    }
    return assembler?.finish().map(({ data }) => data) ?? [];
  };
  for (const check of [false, true, false, true]) {
    const start = performance.now();
    const received = await receive(check);
    const rate = 80 / ((performance.now() - start) / 1000);
    t.diagnostic(`80 MB in one process, SHA-256 ${check ? 'checked' : 'not checked'}: ${rate.toFixed(0)} MB/s`);
    assert.deepEqual(received, arrays);
  }
});
