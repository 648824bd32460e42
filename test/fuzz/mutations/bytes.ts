/** Damaged files and messages: bytes after some edits. */
import fc from 'fast-check';

/** A change of some bytes. Positions and sizes are taken modulo the length. */
type Edit = (bytes: Uint8Array) => Buffer;

const place = fc.nat(1 << 20);
const at = (bytes: Uint8Array, offset: number): number => (bytes.length === 0 ? 0 : offset % bytes.length);
const replaced = (bytes: Uint8Array, start: number, removed: number, inserted: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, start), inserted, bytes.subarray(start + removed)]);

/** Lengths and counts, as formats write them: little-endian integers or varints. */
const lengths: readonly (readonly number[])[] = [
  [0, 0, 0, 0],
  [255, 255, 255, 127],
  [255, 255, 255, 255],
  [0, 0, 0, 0, 0, 0, 0, 0],
  [0, 0, 0, 0, 1, 0, 0, 0],
  [255, 255, 255, 255, 255, 255, 31, 0],
  [255, 255, 255, 255, 255, 255, 255, 127],
  [255, 255, 255, 255, 255, 255, 255, 255],
  [255, 255, 255, 255, 15],
  [255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
  [128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128],
];

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.tuple(place, fc.nat(7)).map(([offset, bit]): Edit => {
    return (bytes) => {
      const changed: Buffer = Buffer.from(bytes);
      const index = at(bytes, offset);
      if (bytes.length > 0) changed.writeUInt8(changed.readUInt8(index) ^ (1 << bit), index);
      return changed;
    };
  }),
  place.map(
    (length): Edit =>
      (bytes) =>
        Buffer.from(bytes.subarray(0, at(bytes, length))),
  ),
  fc.tuple(place, fc.constantFrom(...lengths)).map(
    ([offset, length]): Edit =>
      (bytes) =>
        replaced(bytes, at(bytes, offset), length.length, Buffer.from(length)),
  ),
  fc.constantFrom(...lengths).map(
    (length): Edit =>
      (bytes) =>
        replaced(bytes, 0, Math.min(length.length, bytes.length), Buffer.from(length)),
  ),
  fc.tuple(place, fc.uint8Array({ maxLength: 16 })).map(([offset, inserted]): Edit => {
    return (bytes) => replaced(bytes, at(bytes, offset), 0, inserted);
  }),
  fc.tuple(place, fc.nat(64)).map(([offset, count]): Edit => {
    return (bytes) => replaced(bytes, at(bytes, offset), count, Buffer.alloc(0));
  }),
  fc.tuple(place, fc.nat(64), fc.integer({ min: 2, max: 50 })).map(([offset, count, times]): Edit => {
    return (bytes) => {
      const start = at(bytes, offset);
      const part = bytes.subarray(start, start + count);
      return replaced(bytes, start, 0, Buffer.concat(Array.from({ length: times }, () => part)));
    };
  }),
);

/** Returns seeds after up to six edits. */
export function damagedBytes(seeds: readonly Uint8Array[]): fc.Arbitrary<Buffer> {
  return fc
    .tuple(fc.constantFrom(...seeds), fc.array(edit, { maxLength: 6 }))
    .map(([seed, edits]) => edits.reduce<Buffer>((bytes, change) => change(bytes), Buffer.from(seed)));
}
