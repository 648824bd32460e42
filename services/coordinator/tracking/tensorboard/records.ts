/**
 * TFRecord, the format of TensorBoard's files. A record is the length of its data (8 bytes, little endian), the masked CRC-32C of the length
 * (4 bytes), the data, and the masked CRC-32C of the data (4 bytes).
 */
import { maskedCrc32c } from './crc32c.js';

const [lengthBytes, sumBytes] = [8, 4];
const headerBytes = lengthBytes + sumBytes;

/** Returns data as a record. */
export function recordOf(data: Uint8Array): Uint8Array {
  const record = Buffer.alloc(headerBytes + data.length + sumBytes);
  record.writeBigUInt64LE(BigInt(data.length));
  record.writeUInt32LE(maskedCrc32c(record.subarray(0, lengthBytes)), lengthBytes);
  record.set(data, headerBytes);
  record.writeUInt32LE(maskedCrc32c(data), headerBytes + data.length);
  return record;
}

/** The records of a file. */
export interface ReadRecords {
  /** The records' data, in order. */
  readonly records: readonly Uint8Array[];
  /**
   * Length of the records in bytes. Any bytes after them are not a complete record: a process ended while writing, or the disk is damaged.
   */
  readonly bytes: number;
}

/** Reads the records at the start of a file's bytes. */
export function readRecords(bytes: Uint8Array): ReadRecords {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: Uint8Array[] = [];
  let at = 0;
  while (at + headerBytes <= buffer.length) {
    const length = Number(buffer.readBigUInt64LE(at));
    const start = at + headerBytes;
    const end = start + length;
    if (buffer.readUInt32LE(at + lengthBytes) !== maskedCrc32c(buffer.subarray(at, at + lengthBytes))) break;
    if (end + sumBytes > buffer.length) break;
    const data = buffer.subarray(start, end);
    if (buffer.readUInt32LE(end) !== maskedCrc32c(data)) break;
    records.push(data);
    at = end + sumBytes;
  }
  return { records, bytes: at };
}
