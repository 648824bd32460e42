/**
 * SentencePiece's precompiled normalization: a trie from byte sequences to positions in a text of replacements. The trie is a
 * double array of little-endian 32-bit units, preceded by its size in bytes. Source: Darts-clone,
 * https://github.com/s-yata/darts-clone, and sentencepiece's `normalizer.cc`.
 */
import { isUtf8 } from 'node:buffer';

const endOfReplacement = 0;

/** Returns why a map, in base64, cannot be followed; undefined if every path of its trie leads to a replacement. */
export function charsmapProblem(map: unknown): string | undefined {
  if (typeof map !== 'string') return 'has no precompiled_charsmap';
  const bytes = Buffer.from(map, 'base64');
  if (bytes.toString('base64') !== map) return 'has a precompiled_charsmap that is not base64';
  const size = bytes.length < 4 ? 0 : bytes.readUInt32LE(0);
  if (size === 0 || size > bytes.length - 4) return 'has a precompiled_charsmap that ends within its trie';
  const units = Uint32Array.from({ length: size >>> 2 }, (_, i) => bytes.readUInt32LE(4 + 4 * i));
  const replacements = bytes.subarray(4 + 4 * units.length);
  if (!isUtf8(replacements)) return 'has a precompiled_charsmap whose replacements are not UTF-8';
  return followsTrie(units, replacements) ? undefined : 'has a precompiled_charsmap whose trie leads outside of it';
}

/** Whether every path of a trie stays within it, and each of its values is the start of a character of `replacements`. */
function followsTrie(units: Uint32Array, replacements: Uint8Array): boolean {
  const root = offsetOf(units[0] ?? 0);
  const waiting = [root];
  const seen = new Set(waiting);
  for (let base = waiting.pop(); base !== undefined; base = waiting.pop()) {
    for (let byte = 1; byte < 256; byte++) {
      const unit = units[base ^ byte];
      if (unit === undefined) return false;
      if (labelOf(unit) !== byte) continue;
      const next = base ^ byte ^ offsetOf(unit);
      if (hasLeaf(unit)) {
        const value = units[next];
        if (value === undefined || !isStart(replacements, value & 0x7fffffff)) return false;
      }
      if (!seen.has(next)) {
        seen.add(next);
        waiting.push(next);
      }
    }
  }
  return true;
}

function labelOf(unit: number): number {
  return (unit & 0x800000ff) >>> 0;
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}

function hasLeaf(unit: number): boolean {
  return ((unit >>> 8) & 1) === 1;
}

/** Whether a position is the start of a character, or the end. */
function isStart(bytes: Uint8Array, position: number): boolean {
  return position <= bytes.length && ((bytes[position] ?? endOfReplacement) & 0xc0) !== 0x80;
}
