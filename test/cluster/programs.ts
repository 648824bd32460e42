/** The programs that operate a cluster, called as a user would. */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { project } from '../platform.fixture.js';

/** Something missing in the cluster or on this machine, with what to do about it. */
export class Missing extends Error {}

const tools = (await import(new URL('../../../deploy/local/testTools.mjs', import.meta.url).href)) as {
  toolEnvironment(): Record<string, string | undefined>;
};

const helmProgram = process.env['HELM'] || tools.toolEnvironment()['HELM'] || 'helm';
/** kubectl's path. */
export const kubectlProgram = process.env['KUBECTL'] || 'kubectl';

interface Input {
  /** Written to the program's standard input. */
  input?: string;
  /** Prints the program's output as it comes. */
  shown?: boolean;
}

function run(program: string, args: readonly string[], { input = '', shown = false }: Input = {}): string {
  return execFileSync(program, args, {
    cwd: project,
    encoding: 'utf8',
    input,
    maxBuffer: 1 << 28,
    stdio: ['pipe', shown ? 2 : 'pipe', 'inherit'],
  });
}

/** Runs kubectl and returns its output. Throws with its exit status if it fails. */
export const kubectl = (...args: string[]): string => run(kubectlProgram, args);

const listOf = (items: readonly object[]): string => JSON.stringify({ apiVersion: 'v1', kind: 'List', items });

/** Applies objects. */
export const apply = (objects: readonly object[]): string =>
  run(kubectlProgram, ['apply', '-f', '-'], { input: listOf(objects) });

/** Runs kubectl and shows its output. */
export const kubectlShown = (...args: string[]): string => run(kubectlProgram, args, { shown: true });

const start = promisify(execFile);

/** Runs kubectl asynchronously and returns its output. Rejects if it fails. */
export const kubectlBeside = async (...args: string[]): Promise<string> =>
  (await start(kubectlProgram, args, { maxBuffer: 1 << 28 })).stdout;

/** Runs helm in the same way. */
export const helmBeside = async (...args: string[]): Promise<string> =>
  (await start(helmProgram, args, { cwd: project, maxBuffer: 1 << 28 })).stdout;

/** Runs a user's command line in the same way. */
export const shellBeside = async (command: string): Promise<string> => (await start('/bin/sh', ['-c', command])).stdout;

/** Runs helm and returns its output. */
export const helm = (...args: string[]): string => run(helmProgram, args);

/** Runs kubectl and returns its status and output instead of throwing. */
export function tryKubectl(...args: string[]): { status: number; output: string } {
  const { status, stdout, stderr } = spawnSync(kubectlProgram, args, { cwd: project, encoding: 'utf8' });
  return { status: status ?? 1, output: `${stdout}${stderr}` };
}

/** Applies objects and returns the status and the output, including warnings, instead of throwing. */
export function tryApply(objects: readonly object[], ...args: string[]): { status: number; output: string } {
  const input = listOf(objects);
  const { status, stdout, stderr } = spawnSync(kubectlProgram, ['apply', ...args, '-f', '-'], {
    input,
    encoding: 'utf8',
  });
  return { status: status ?? 1, output: `${stdout}${stderr}` };
}

/** Returns the result of `kubectl get` as parsed JSON. */
export function get<T>(...args: string[]): T {
  return JSON.parse(kubectl('get', ...args, '--output', 'json')) as T;
}

/** @throws Missing if a program does not run, or no cluster answers */
export function requirePrograms(): void {
  const needed = [
    [helmProgram, 'version', 'helm: run `make test-tools` (with Go), or set HELM to its path'],
    [kubectlProgram, 'version --client', 'kubectl: put it on PATH, or set KUBECTL to its path'],
    [kubectlProgram, 'get --raw /readyz', 'a cluster: set KUBECONFIG, for example with `kind create cluster`'],
  ] as const;
  for (const [program, args, what] of needed) {
    const { status, stderr } = spawnSync(program, args.split(' '), { encoding: 'utf8' });
    if (status !== 0) throw new Missing(`${what}${stderr ? `\n  ${stderr.trim()}` : ''}`);
  }
}
