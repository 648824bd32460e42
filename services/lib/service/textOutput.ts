/**
 * Text for stdout and stderr that never fails its process. A pipe whose reader has gone, a full disk or a closed terminal only
 * loses text: training must not end because its log does.
 */
import { writeSync } from 'node:fs';

/** Pause before retrying a write to a slow reader, in milliseconds. */
const pauseMs = 5;

/** Errors that mean nobody reads the output: a closed pipe, a terminal that is gone, a descriptor that was never open. */
const goneCodes = ['EPIPE', 'EIO', 'EBADF'];

/** Options of an output. */
export interface TextOutputOptions {
  /**
   * Describes failed writes, in the format of the output. Written before the next text that succeeds.
   *
   * @default a line of plain text
   */
  readonly lossNotice?: (lost: number, code: string) => string;
  /** How long a write waits for a slow reader, in milliseconds. @default 1000 */
  readonly patienceMs?: number;
}

/** Writes text to a file descriptor synchronously, so that a process that ends abruptly loses no lines. */
export class TextOutput {
  /** Whether nobody reads this output any more. */
  closed = false;
  /** The code of the last failure, such as `ENOSPC`; undefined if the last write succeeded. */
  failure: string | undefined;
  readonly #fd: number;
  readonly #lossNotice: (lost: number, code: string) => string;
  readonly #patienceMs: number;
  #lost = 0;
  /** Whether a write was cut short, so that the output ends in the middle of a line. */
  #torn = false;

  constructor(fd: number, { lossNotice = plainNotice, patienceMs = 1000 }: TextOutputOptions = {}) {
    this.#fd = fd;
    this.#lossNotice = lossNotice;
    this.#patienceMs = patienceMs;
  }

  /** Writes a text. Returns whether it was written; never throws. */
  write(text: string): boolean {
    const notice = this.failure === undefined ? '' : this.#lossNotice(this.#lost, this.failure);
    const bytes = Buffer.from(`${this.#torn ? '\n' : ''}${notice}${text}`);
    const { written, code } = this.#writeBytes(bytes);
    this.failure = code;
    this.closed = code !== undefined && goneCodes.includes(code);
    if (code === undefined) {
      this.#lost = 0;
      this.#torn = false;
      return true;
    }
    this.#lost++;
    if (written > 0) this.#torn = bytes[written - 1] !== newline;
    return false;
  }

  #writeBytes(bytes: Buffer): { written: number; code: string | undefined } {
    let written = 0;
    // Does not wait again if the output was already behind at the last write.
    let patienceMs = this.failure === undefined ? this.#patienceMs : 0;
    while (written < bytes.length) {
      try {
        written += writeSync(this.#fd, bytes, written);
      } catch (error) {
        const code = codeOf(error);
        if (code === 'EINTR') continue;
        if (code !== 'EAGAIN' || patienceMs <= 0) return { written, code };
        patienceMs -= pauseMs;
        Atomics.wait(pause, 0, 0, pauseMs);
      }
    }
    return { written, code: undefined };
  }
}

const newline = 0x0a;
const pause = new Int32Array(new SharedArrayBuffer(4));

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}

function plainNotice(lost: number, code: string): string {
  return `(${lost} earlier message${lost === 1 ? '' : 's'} could not be written here: ${code})\n`;
}

/** This process's stdout. */
export const standardOutput = new TextOutput(1);

/** This process's stderr. */
export const standardError = new TextOutput(2);
