/** The body of a response: bounded, decompressed, and JSON as servers write it. */
import type { Response } from 'undici';

/** A body that is not what was asked for. The message continues "the answer …". */
export class BadAnswer extends Error {
  override readonly name = 'BadAnswer';
}

/** The most bytes of an answer, after decompression. */
export const longestAnswer = 16 * 2 ** 20;
/** Bytes of an answer that is only quoted. */
const longestQuoted = 16 * 1024;

/**
 * Reads a body as UTF-8. It is decompressed as it arrives, and no more than the limit is held.
 *
 * @throws BadAnswer if it is too long or not UTF-8
 */
export async function bodyText(response: Response): Promise<string> {
  const { bytes, complete } = await readUpTo(response, longestAnswer);
  if (!complete) throw new BadAnswer(`has more than ${longestAnswer / 2 ** 20} MiB`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new BadAnswer('is not UTF-8', { cause: error });
  }
}

/** Reads the beginning of a body, and drops the rest. */
export async function bodyBeginning(response: Response): Promise<string> {
  const { bytes } = await readUpTo(response, longestQuoted);
  return new TextDecoder().decode(bytes);
}

async function readUpTo(response: Response, limit: number): Promise<{ bytes: Buffer; complete: boolean }> {
  const parts: Uint8Array[] = [];
  let length = 0;
  if (response.body !== null) {
    for await (const part of response.body as AsyncIterable<Uint8Array>) {
      parts.push(part);
      length += part.length;
      if (length > limit) break; // which cancels the body
    }
  }
  return { bytes: Buffer.concat(parts).subarray(0, limit), complete: length <= limit };
}

/** A JSON string, or a number that Python's and C++'s writers add to JSON. */
const stringOrLiteral = /"[^"\\]*(?:\\[^][^"\\]*)*"|-?\b(?:NaN|nan|Infinity|Inf|inf)(?=\s*(?:[,\]}]|$))/g;

/**
 * Parses JSON with the literals NaN, Infinity and -Infinity, as Python's json.dumps writes numbers that are not finite.
 *
 * @throws SyntaxError if it is not JSON
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!/\b(?:NaN|nan|Infinity|Inf|inf)\b/.test(text)) throw error;
    // Numbers beyond the largest are infinite, and a number can stand wherever the literal stood.
    let found = 0;
    const finite = text.replace(stringOrLiteral, (literal) => {
      if (literal.startsWith('"')) return literal;
      found += 1;
      if (/nan$/i.test(literal)) return `"${nanMark}"`;
      return literal.startsWith('-') ? '-1e999' : '1e999';
    });
    if (found === 0) throw error;
    return JSON.parse(finite, (_, value: unknown) => (value === nanMark ? NaN : value));
  }
}

/** Stands for NaN between the two steps of parsing. A string of an answer has it with a probability of 2^-128. */
const nanMark = 'NaN a8f6c1d0-3b52-4e19-9d7e-5c40b1f2e7a3';
