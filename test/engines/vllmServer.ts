/** A vLLM server as a process started by a test, with the program named in VLLM: docs/engines.md says how to install one. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort, type Owner } from '@gapo/service/testing';
import { project } from '../platform.fixture.js';

/** The program that starts vLLM; undefined without one. */
export const program = process.env['VLLM'] || undefined;
const answering = process.env['VLLM_URL'] || undefined;

/** Whether tests have a real server: one that answers at VLLM_URL, or the program to start one. */
export const hasServer = (program ?? answering) !== undefined;

/** Why tests that start a server are skipped; false if they run. */
export const skipWithoutProgram =
  program === undefined && 'VLLM names no program that starts vLLM: `make test-vllm` sets it';

/** Why tests that need a server are skipped; false if they run. */
export const skipWithoutServer = !hasServer && 'neither VLLM_URL nor VLLM has a server: `make test-vllm` starts one';

/** The flags, after the model, of every test server. */
export const samplingFlags: readonly string[] = [
  ...['--served-model-name', 'policy', '--dtype', 'float32', '--enforce-eager'],
  ...['--enable-scale-out', '--logprobs-mode', 'processed_logprobs'],
];

/** The flags of a server of the example's policy, as in docs/engines.md. */
export const policyFlags: readonly string[] = [
  ...['examples/assistant/models/policy', ...samplingFlags],
  ...['--enable-lora', '--max-lora-rank', '16', '--max-loras', '2'],
];

/** The environment of a server that loads adapters at run time. */
export const policyEnvironment: Readonly<Record<string, string>> = { VLLM_ALLOW_RUNTIME_LORA_UPDATING: '1' };

/** The environment of a server for full training, as in docs/engines.md; it needs no further flags. */
export const weightsEnvironment: Readonly<Record<string, string>> = { VLLM_SERVER_DEV_MODE: '1' };

/** The command that starts the first, for recordings. */
export const policyCommand = `VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 vllm serve ${policyFlags.join(' ')}`;

/**
 * Returns the URL of a real server of the example's policy, which is started if VLLM_URL names none; undefined if there is none.
 */
export async function policyServerUrl(owner: Owner): Promise<string | undefined> {
  if (answering !== undefined || program === undefined) return answering;
  return (await VllmServer.start(owner, policyFlags, policyEnvironment)).url;
}

/** A server. */
export class VllmServer {
  readonly #port: number;
  readonly #args: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;
  #closed: Promise<unknown> = Promise.resolve();
  #log = '';

  private constructor(port: number, args: readonly string[], env: Readonly<Record<string, string>>) {
    this.#port = port;
    this.#args = args;
    this.#env = env;
  }

  /**
   * Starts a server and waits until it answers.
   *
   * @param args of `vllm serve`, apart from its host and port
   * @throws AssertionError with its output if it ends before that
   */
  static async start(
    owner: Owner,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<VllmServer> {
    const server = new VllmServer(await freePort(), args, env);
    const kill = (): void => server.signal('SIGKILL');
    process.once('exit', kill);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
    owner.after(async () => (await server.kill(), void process.off('exit', kill)));
    server.spawn();
    await server.ready();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The output of its processes. */
  get log(): string {
    return this.#log;
  }

  /** Starts its processes, always on the same port. */
  spawn(): void {
    const args = ['serve', ...this.#args, '--host', '127.0.0.1', '--port', `${this.#port}`];
    const child = spawn(program ?? '', args, {
      cwd: project,
      env: { ...process.env, ...this.#env },
      detached: true, // a separate process group, so that signals reach its engine's process too
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (this.#log += text));
    this.#child = child;
    this.#closed = once(child, 'close');
  }

  /** Resolves once it answers. @throws Error with its output if it ends before that */
  async ready(): Promise<void> {
    for (;;) {
      if (await fetch(`${this.url}/health`).then(({ ok }) => ok, () => false)) return; // prettier-ignore
      if (this.#child?.exitCode !== null || this.#child.signalCode !== null)
        throw new Error(`vLLM ended before it answered:\n${this.#log}`);
      await delay(500);
    }
  }

  /** Sends a signal to all of its processes, if there are any. */
  signal(signal: NodeJS.Signals): void {
    const { pid, exitCode, signalCode } = this.#child ?? {};
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, signal);
  }

  /** Kills its processes and waits until they have ended. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#closed;
  }
}
