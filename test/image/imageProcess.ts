/** Starts processes from an image's file system, with the image's command and unprivileged user. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describeImage, type ImageDescription } from '../conformance/services.js';

/** A process started from an image. */
export class ImageProcess {
  readonly #child: ChildProcess;
  readonly #image: ImageDescription;
  readonly #closed: Promise<number | null>;
  #output = '';
  readonly #observers = new Set<() => void>();

  /**
   * Starts an image's ENTRYPOINT in its WORKDIR as its USER, unable to gain privileges.
   *
   * @param images the folder that assemble.mjs filled
   * @param env variables in addition to the image's own; of this process's environment, only PATH is inherited
   */
  constructor(images: string, target: string, env: Record<string, string> = {}, args: readonly string[] = []) {
    const image = describeImage(target);
    const [uid = '', gid = ''] = image.user.split(':');
    const { PATH = '' } = process.env;
    const rights = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--no-new-privs', '--bounding-set=-all'];
    this.#image = image;
    this.#child = spawn('setpriv', [...rights, '--', ...image.entrypoint, ...args], {
      cwd: join(images, target, image.workdir),
      env: { PATH, ...image.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
        this.#observers.forEach((observe) => observe());
      });
    }
    this.#closed = once(this.#child, 'close').then(([code]: unknown[]) => {
      this.#observers.forEach((observe) => observe());
      return code as number | null;
    });
  }

  /** Everything written to stdout and stderr so far. */
  get output(): string {
    return this.#output;
  }

  /** The process's user id, from /proc. */
  async userId(): Promise<number> {
    const { readFile } = await import('node:fs/promises');
    const status = await readFile(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/^Uid:\s+(\d+)/m.exec(status)?.[1]);
  }

  /**
   * Waits until the output matches, and returns the first group of the match.
   *
   * @throws Error with the output if the process exits without a match
   */
  waitFor(pattern: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      const observe = (): void => {
        const match = pattern.exec(this.#output);
        if (match !== null) resolve(match[1] ?? '');
        else if (this.#child.exitCode === null && this.#child.signalCode === null) return;
        else reject(new Error(`the process exited without printing ${pattern}; it printed:\n${this.#output}`));
        this.#observers.delete(observe);
      };
      this.#observers.add(observe);
      observe();
    });
  }

  /** The address that the service logs once it listens. */
  address(): Promise<string> {
    return this.waitFor(/"address":"([^"]+)"/);
  }

  /** Sends the image's STOPSIGNAL, as a container engine would, and waits for the exit code. */
  stop(): Promise<number | null> {
    this.#child.kill(this.#image.stopSignal);
    return this.#closed;
  }

  /** Waits for the exit code of a process that exits by itself. */
  exited(): Promise<number | null> {
    return this.#closed;
  }

  /** Kills the process, to clean up after a failed test. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
