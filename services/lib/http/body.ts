/** The body of a response: bounded and decompressed. */
import type { Response } from 'undici';

/** A body that is not what was asked for. The message continues "the answer …". */
export class BadAnswer extends Error {
  override readonly name = 'BadAnswer';
}

/** Bytes of an answer that is only quoted. */
const longestQuoted = 16 * 1024;

/**
 * Reads a body as UTF-8. It is decompressed as it arrives, and no more than the limit is held.
 *
 * @param longest bytes after decompression
 * @throws BadAnswer if it is too long or not UTF-8
 */
export async function bodyText(response: Response, longest: number): Promise<string> {
  const { bytes, complete } = await readUpTo(response, longest);
  if (!complete) throw new BadAnswer(`has more than ${longest / 2 ** 20} MiB`);
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
