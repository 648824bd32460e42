/** Programs of other implementations, each a Python script that measures one round per input line. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** The scripts' directory. This file runs as test/dist/bench/peers/peerProcess.js. */
const scripts = fileURLToPath(new URL('../../../bench/peers/', import.meta.url));

/** What a peer measured in one round. */
export interface Round {
  readonly millis: number;
  /** Number of tokens drawn, if it samples. */
  readonly tokens?: number;
  /** The norm of each objective's gradient, if it computes gradients. */
  readonly norms?: readonly number[];
  /** Logits of the first tokens of the vocabulary after the first prompt, if it has the decoder in its own format. */
  readonly logits?: readonly number[];
}

/** Versions of the software that a program measures, by name. */
export type Versions = Readonly<Record<string, string>>;

/** A running script. It computes only while a round is measured. */
export class Peer {
  readonly versions: Versions;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #script: string;
  readonly #stderr: string[];

  private constructor(
    script: string,
    child: ChildProcess,
    lines: AsyncIterator<string>,
    stderr: string[],
    versions: Versions,
  ) {
    this.#script = script;
    this.#child = child;
    this.#lines = lines;
    this.#stderr = stderr;
    this.versions = versions;
  }

  /**
   * Starts a script and waits until it is ready.
   *
   * @throws Error if there is no such Python; with the end of the script's stderr if it exits before it is ready
   */
  static async start(python: string, script: string, args: readonly (string | number)[]): Promise<Peer> {
    const child = spawn(python, [`${scripts}${script}`, ...args.map(String)], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false', PYTHONDONTWRITEBYTECODE: '1' },
    });
    const stderr: string[] = [];
    child.stderr.on('data', (part: Buffer) => {
      stderr.push(part.toString());
      if (stderr.length > 100) stderr.shift();
    });
    // Without listeners, these events would end the process and leave the peer's companions running.
    child.stdin.on('error', () => undefined); // the peer has ended, which the next answer will show
    const failed = once(child, 'error').then(([error]) => {
      throw new Error(`${python} cannot be started: ${(error as Error).message}`);
    });
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const { versions } = (await Promise.race([next(script, lines, stderr), failed])) as { versions: Versions };
    return new Peer(script, child, lines, stderr, versions);
  }

  /** Measures a round of a kind. @throws Error with the end of its stderr if the script fails */
  async measure(kind: string): Promise<Round> {
    this.#child.stdin?.write(`${JSON.stringify({ kind })}\n`);
    return (await next(this.#script, this.#lines, this.#stderr)) as Round;
  }

  /** Ends the script. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.stdin?.end();
    const killing = new AbortController();
    void setTimeout(10_000, undefined, { signal: killing.signal }).then(
      () => this.#child.kill('SIGKILL'),
      () => undefined,
    );
    await exited;
    killing.abort();
  }
}

async function next(script: string, lines: AsyncIterator<string>, stderr: readonly string[]): Promise<unknown> {
  const line = await lines.next();
  if (line.done === true) throw new Error(`${script} ended:\n${stderr.join('').slice(-4000)}`);
  return JSON.parse(line.value) as unknown;
}
