/** Processes started from an image's file system, as the image says and as its own unprivileged user. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's root; this file runs as test/deploy/dist/imageProcess.js. */
export const projectRoot = fileURLToPath(new URL('../../../', import.meta.url));

/** How an image starts, by the Dockerfile. */
interface ImageDescription {
  workdir: string;
  env: Record<string, string>;
  user: string;
  stopSignal: NodeJS.Signals;
  entrypoint: string[];
}

/** Reads the Dockerfile's target. */
export function describeImage(target: string): ImageDescription {
  const args = ['deploy/docker/assemble.mjs', '--describe', target];
  return JSON.parse(execFileSync(process.execPath, args, { cwd: projectRoot, encoding: 'utf8' })) as ImageDescription;
}

/** A process that was started from an image. */
export class ImageProcess {
  readonly #child: ChildProcess;
  readonly #image: ImageDescription;
  readonly #closed: Promise<number | null>;
  #output = '';
  readonly #looking = new Set<() => void>();

  /**
   * Starts an image's ENTRYPOINT in its WORKDIR as its USER, with no right to gain more.
   *
   * @param images the folder that assemble.mjs filled
   * @param env variables beside the image's own; nothing else of this process's environment goes along but PATH
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
        this.#looking.forEach((look) => look());
      });
    }
    this.#closed = once(this.#child, 'close').then(([code]: unknown[]) => {
      this.#looking.forEach((look) => look());
      return code as number | null;
    });
  }

  /** Everything that it wrote so far. */
  get output(): string {
    return this.#output;
  }

  /** The process's user id, as the kernel has it. */
  async userId(): Promise<number> {
    const { readFile } = await import('node:fs/promises');
    const status = await readFile(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/^Uid:\s+(\d+)/m.exec(status)?.[1]);
  }

  /** The first group of the pattern, once the output has it; an error with the output where the process ends without. */
  said(pattern: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(this.#output);
        if (match !== null) resolve(match[1] ?? '');
        else if (this.#child.exitCode === null && this.#child.signalCode === null) return;
        else reject(new Error(`the process ended without saying ${pattern}; it said:\n${this.#output}`));
        this.#looking.delete(look);
      };
      this.#looking.add(look);
      look();
    });
  }

  /** The address of the line that says it listens. */
  address(): Promise<string> {
    return this.said(/"address":"([^"]+)"/);
  }

  /** Sends the image's STOPSIGNAL, as an engine would, and waits for the exit code. */
  stop(): Promise<number | null> {
    this.#child.kill(this.#image.stopSignal);
    return this.#closed;
  }

  /** The exit code of a process that ends by itself. */
  ended(): Promise<number | null> {
    return this.#closed;
  }

  /** Ends it by force, for the end of a test that failed. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
