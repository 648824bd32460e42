/** The main module of a child process: runs the tasks of the module named in its argument. */
import type { Outcome } from '../thread/workerThread.js';
import type { FromChild, ToChild } from './messages.js';

type Task = (argument: unknown) => Promise<Outcome<unknown>>;

function send(message: FromChild): void {
  process.send?.(message);
}

async function answer(tasks: Promise<Readonly<Record<string, Task>>>, { name, argument }: ToChild): Promise<void> {
  try {
    const task = (await tasks)[name];
    if (task === undefined) throw new Error(`the module has no task ${name}`);
    send({ result: await task(argument) });
  } catch (error) {
    send({ defect: error instanceof Error ? error : new Error(String(error)) });
  }
}

// Ctrl-C reaches every process in the terminal. The parent decides when this one ends.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
// A normal exit would wait for the threads of a native library that never returns.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));

const tasks = import(process.argv[2] ?? '') as Promise<Readonly<Record<string, Task>>>;
tasks.catch(() => undefined); // the first task reports it
process.on('message', (message) => void answer(tasks, message as ToChild));
