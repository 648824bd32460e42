/**
 * The gradient worker of engines/pytorch as a process. PYTORCH_PYTHON is a Python with the required packages; `make test-pytorch` installs
 * one.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { required } from '@gapo/numeric';
import { project } from '../../platform.fixture.js';

const python = process.env['PYTORCH_PYTHON'] || undefined;

/** Why its tests are skipped; false if they run. */
export const skip =
  python === undefined ? 'PYTORCH_PYTHON names no Python with PyTorch: `make test-pytorch` installs one' : false;

/** The worker's command line. */
export const command = { program: python ?? '', args: ['-m', 'gapo_pytorch'] };

/** Its environment in addition to its settings. */
export const environment = { PYTHONPATH: join(project, 'engines/pytorch/src'), PYTHONDONTWRITEBYTECODE: '1' };

/** A running worker. */
export interface PytorchWorker {
  readonly address: string;
  readonly child: ChildProcess;
  stop(): Promise<void>;
}

/** Starts a worker on a free port and waits until it is ready. @throws Error with its output if it exits before that */
export async function startPytorchWorker(
  coordinator: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<PytorchWorker> {
  const child = spawn(command.program, command.args, {
    env: { ...process.env, ...environment, LISTEN: '127.0.0.1:0', COORDINATOR: coordinator, THREADS: '1', ...settings },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(child, 'exit');
  const lines: string[] = [];
  for await (const line of createInterface(child.stderr)) {
    lines.push(line);
    const { message = '', address } = parsed(line);
    if (!message.startsWith('ready after')) continue;
    child.stderr.resume();
    const stop = async (): Promise<void> => {
      child.kill('SIGTERM');
      await exited;
    };
    return { address: required(address, 'the address in the log'), child, stop };
  }
  throw new Error(`the PyTorch worker ended before it was ready:\n${lines.join('\n')}`);
}

function parsed(line: string): { readonly message?: string; readonly address?: string } {
  try {
    return JSON.parse(line) as { message?: string; address?: string };
  } catch {
    return {};
  }
}
