// Responses as bytes: the same as protobufjs encodes, and a chunk's own memory rather than a copy.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { serviceDefinition } from './definitions.js';
import { responseEncoder, type EncodableMethod, type EncodedMessage } from './message.js';
import type { ServiceName } from './services.js';

const method = (service: ServiceName, name: string): EncodableMethod =>
  serviceDefinition(service)[name] as unknown as EncodableMethod;
const getVersion = method('gapo.policy.v1.PolicyService', 'GetVersion');
const computeGradients = method('gapo.gradient.v1.GradientService', 'ComputeGradients');

/** The bytes as they appear in a frame: after other content. */
function bytes(message: EncodedMessage): Buffer {
  const frame = Buffer.alloc(5 + message.byteLength);
  assert.equal(message.copy(frame, 5), message.byteLength);
  return frame.subarray(5);
}

test('a chunk is the bytes that protobufjs makes of it, whatever its offset and size', () => {
  for (const asked of [getVersion, computeGradients]) {
    const encode = responseEncoder(asked);
    const sizes = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 16_370, max: 16_390 }));
    fc.assert(
      fc.property(fc.maxSafeNat(), sizes, (offset, size) => {
        const response = { chunk: { offset, data: Buffer.alloc(size, offset % 251) } };
        assert.deepEqual(bytes(encode(response)), asked.responseSerialize(response));
      }),
    );
    const first = { header: null, chunk: { offset: 0, data: Uint8Array.of(1, 2) } };
    assert.deepEqual(bytes(encode(first)), asked.responseSerialize(first));
  }
});

test('a chunk’s data is not copied: any number of receivers share it', () => {
  const data = new Uint8Array(1 << 20);
  const encode = responseEncoder(getVersion);
  const messages = Array.from({ length: 50 }, () => encode({ chunk: { offset: 3, data } }));
  for (const { parts } of messages) {
    const [head, body] = parts;
    assert.ok(head && head.byteLength < 32);
    assert.equal(body?.buffer, data.buffer);
  }
});

test('everything else goes to protobufjs, and what it refuses is refused', () => {
  const encode = responseEncoder(getVersion);
  const header = { runId: 'r', version: 7, sha256: 'ab', tensors: [{ name: 'a', dtype: 'DATA_TYPE_F32', shape: [2] }] };
  const others = [{ header }, {}, { chunk: null }, { chunk: {} }, { chunk: { offset: '5', data: 'AAA=' } }];
  for (const response of others) assert.deepEqual(bytes(encode(response)), getVersion.responseSerialize(response));
  assert.throws(() => encode([]), /expected object/);
});
