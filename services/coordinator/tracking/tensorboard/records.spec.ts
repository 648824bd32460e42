/** TensorBoard's record files, byte for byte. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { crc32c, maskedCrc32c } from './crc32c.js';
import { decodeTensorboardEvent, encodeTensorboardEvent } from './eventMessage.js';
import { readRecords, recordOf } from './records.js';

test('CRC-32C has the values of RFC 3720, B.4, and the check value', () => {
  const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(255)), 0x62a8ab43);
  assert.equal(crc32c(ascending), 0x46dd794e);
  assert.equal(crc32c(ascending.toReversed()), 0x113fdb5c);
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
});

test('a record of the version has the bytes of TensorFlow', () => {
  // tensorboard.summary.writer.record_writer.RecordWriter, and event_pb2.Event(wall_time=1.5, file_version='brain.Event:2').
  const bytes = '1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c';
  const record = recordOf(encodeTensorboardEvent({ wallTime: 1.5, step: 0, fileVersion: 'brain.Event:2' }));
  assert.equal(Buffer.from(record).toString('hex'), bytes);
});

test('events are read back, and an incomplete record at the end is left out', () => {
  const events = [
    { wallTime: 1.5, step: 0, fileVersion: 'brain.Event:2' },
    { wallTime: 2.25, step: 3, restarts: true },
    { wallTime: 2.25, step: 3, values: [{ tag: 'gapo.kl', scalar: 0.5 }, { tag: 'gapo.state', text: 'ähm' }] },
  ]; // prettier-ignore
  const records = events.map((event) => recordOf(encodeTensorboardEvent(event)));
  const whole = Buffer.concat(records);
  assert.deepEqual(readRecords(whole).records.map(decodeTensorboardEvent), events);
  const ends = records.map((_, i) => Buffer.concat(records.slice(0, i + 1)).length);
  fc.assert(
    fc.property(fc.nat(whole.length), fc.option(fc.nat(255)), (length, change) => {
      const cut = Buffer.from(whole.subarray(0, length));
      if (change !== null && length > 0) cut[length - 1] = (cut[length - 1] ?? 0) ^ change;
      const intact = change === null || change === 0 ? length : Math.max(0, length - 1);
      const read = readRecords(cut);
      assert.equal(read.bytes, Math.max(0, ...ends.filter((end) => end <= intact)));
      assert.equal(read.records.length, ends.filter((end) => end <= intact).length);
    }),
  );
  assert.notEqual(maskedCrc32c(new Uint8Array(8)), crc32c(new Uint8Array(8)));
});
