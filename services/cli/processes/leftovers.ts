/** Stops services that outlived their `gapo up`, for example after a SIGKILL. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { UpState } from './upFile.js';

const [pollMs, patienceMs] = [50, 40_000];

/** Returns the command line of a process; undefined if it is not running. */
function commandLine(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
    if (existsSync('/proc/self/cmdline'))
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
}

/** Whether the `gapo up` or `gapo run` that wrote the state is running. Checks the command line, because process ids are reused. */
export function isAlive(state: UpState): boolean {
  return state.pid !== process.pid && /cli\/dist\/main\.js|\bgapo\b/.test(commandLine(state.pid) ?? '');
}

/**
 * Stops the services of a state whose supervisor is gone.
 *
 * @returns the names of the services that were still running
 */
export async function stopLeftovers(state: UpState): Promise<string[]> {
  const running = state.services.filter(({ name, pid }) => {
    if (pid === undefined) return false;
    const command = commandLine(pid) ?? '';
    return name === 'nats-server' ? command.includes('nats-server') : /services\/\w+\/dist\/main\.js/.test(command);
  });
  const pids = running.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  pids.reverse().forEach((pid) => tryKill(pid, 'SIGTERM'));
  const end = performance.now() + patienceMs;
  while (pids.some((pid) => commandLine(pid)) && performance.now() < end) await delay(pollMs);
  pids.filter((pid) => commandLine(pid)).forEach((pid) => tryKill(pid, 'SIGKILL'));
  return running.map(({ name }) => name);
}

function tryKill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has already exited.
  }
}
