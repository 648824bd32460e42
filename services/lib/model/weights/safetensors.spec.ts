import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { temporaryDirectory } from '@gapo/service/testing';
import fc from 'fast-check';
import { ModelError } from '../errors.js';
import { fromFloat32, toFloat32 } from './floats.js';
import { parseMetadata, parseTensors, readSafetensors, safetensorsChunks, writeSafetensors } from './safetensors.js';
import { sha256OfTensors } from './tensors.js';

const tensors = [
  { name: 'b', shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 0, 1e-20, -1e20) },
  { name: 'a', shape: [], data: Float32Array.of(7) },
];

const encodeSafetensors = (...file: Parameters<typeof safetensorsChunks>): Buffer =>
  Buffer.concat([...safetensorsChunks(...file)]);

/** A file with any header and any data. */
function file(header: object | string, data: Uint8Array = new Uint8Array()): Uint8Array {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, data]);
}

const refused = (bytes: Uint8Array, pattern: RegExp): void =>
  assert.throws(
    () => parseTensors(bytes, 'model.safetensors'),
    (error: unknown) => {
      assert.ok(error instanceof ModelError);
      assert.match(error.message, /^model\.safetensors: /);
      assert.match(error.message, pattern);
      return true;
    },
  );

describe('safetensors', () => {
  test('a written file is read back in order and bit for bit', async (t) => {
    const directory = await temporaryDirectory(t);
    const path = join(directory, 'model.safetensors');
    await writeSafetensors(path, tensors);
    const found = await readSafetensors(path);
    assert.deepEqual(found, tensors);
    assert.equal(sha256OfTensors(found), sha256OfTensors(tensors));
    assert.deepEqual(await readdir(directory), ['model.safetensors'], 'nothing half-written is left');
  });

  test('the data begins at a multiple of 8 bytes, so that it can be mapped', () => {
    const bytes = encodeSafetensors(tensors);
    assert.equal((8 + Number(bytes.readBigUInt64LE(0))) % 8, 0);
  });

  test('F16 and BF16 are widened exactly', () => {
    // 1, -2, the largest and the smallest subnormal half, and -0.
    const halves = Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0001, 0x8000);
    const half = file({ x: { dtype: 'F16', shape: [5], data_offsets: [0, 10] } }, new Uint8Array(halves.buffer));
    assert.deepEqual(parseTensors(half, 'x')[0]?.data, Float32Array.of(1, -2, 65504, 2 ** -24, -0));
    const brain = Uint16Array.of(0x3f80, 0xc000, 0x4049);
    const bfloat = file({ x: { dtype: 'BF16', shape: [3], data_offsets: [0, 6] } }, new Uint8Array(brain.buffer));
    assert.deepEqual(parseTensors(bfloat, 'x')[0]?.data, Float32Array.of(1, -2, 3.140625));
  });

  for (const dtype of ['F16', 'BF16'] as const) {
    test(`numbers are rounded to the nearest ${dtype}, and those that it represents are exact`, () => {
      const all = toFloat32(new Uint8Array(Uint16Array.from({ length: 1 << 16 }, (_, i) => i).buffer), dtype);
      const finite = all.filter((x) => Number.isFinite(x));
      assert.deepEqual(toFloat32(fromFloat32(finite, dtype), dtype), finite);
      const sorted = [...new Set(finite)].sort((a, b) => a - b);
      const limit = sorted.at(-1) as number;
      fc.assert(
        fc.property(fc.float({ noNaN: true, noDefaultInfinity: true, min: Math.fround(-limit), max: limit }), (x) => {
          const [rounded] = toFloat32(fromFloat32(Float32Array.of(x), dtype), dtype) as unknown as [number];
          const above = sorted.findIndex((y) => y >= x);
          const neighbours = [sorted[above - 1] ?? limit, sorted[above] as number];
          const gap = Math.min(...neighbours.map((y) => Math.abs(y - x)));
          assert.equal(Math.abs(rounded - x), gap);
        }),
      );
      assert.throws(() => fromFloat32(Float32Array.of(3.4e38), dtype), new RegExp(`a number overflows ${dtype}`));
    });
  }

  test('ties are rounded to even', () => {
    // 1 + 2⁻¹¹ is between the halves 1 and 1 + 2⁻¹⁰, 1 + 3 · 2⁻¹¹ between 1 + 2⁻¹⁰ and 1 + 2⁻⁹.
    const halves = fromFloat32(Float32Array.of(1 + 2 ** -11, 1 + 3 * 2 ** -11), 'F16');
    assert.deepEqual(toFloat32(halves, 'F16'), Float32Array.of(1, 1 + 2 ** -9));
  });

  test('metadata is read back', () => {
    assert.deepEqual(parseMetadata(encodeSafetensors(tensors, { format: 'pt', a: 'b' }), 'x'), {
      format: 'pt',
      a: 'b',
    });
    assert.deepEqual(parseMetadata(file({}), 'x'), {});
    assert.throws(() => parseMetadata(file({ __metadata__: { a: 1 } }), 'x'), /x: has metadata that is not texts/);
  });

  test('a file that is truncated anywhere is refused', () => {
    const whole = encodeSafetensors(tensors);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: whole.length - 1 }), (length) => {
        assert.throws(() => parseTensors(whole.slice(0, length), 'model.safetensors'), ModelError);
      }),
      { numRuns: 60 },
    );
  });

  test('every kind of damage is named', () => {
    refused(file('{"x":'), /header that is not JSON/);
    refused(file('[1]'), /not a JSON object/);
    refused(file({ x: { dtype: 'F32', shape: [2] } }), /tensor 'x' has no valid dtype, shape and data_offsets/);
    refused(file({ x: { dtype: 'I8', shape: [2], data_offsets: [0, 2] } }), /tensor 'x' is I8; F32, F16 and BF16/);
    refused(
      file({ x: { dtype: 'F32', shape: [3], data_offsets: [0, 8] } }, new Uint8Array(8)),
      /needs 12 bytes of F32, its offsets span 8/,
    );
    refused(
      file({ x: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }, new Uint8Array(4)),
      /tensor 'x' ends at byte .* cut short/,
    );
    const nan = new Uint8Array(Float32Array.of(1, Number.NaN).buffer);
    refused(file({ x: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }, nan), /tensor 'x' has NaN at element 1/);
    const long = Buffer.alloc(8);
    long.writeBigUInt64LE(2n ** 60n);
    refused(long, /the file ends after 8/);
  });

  test('a missing file is reported as missing', async () => {
    await assert.rejects(
      readSafetensors('/nowhere/model.safetensors'),
      /^ModelError: \/nowhere\/model\.safetensors: does not exist/,
    );
  });
});
