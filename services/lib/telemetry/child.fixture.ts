/** Child processes of tests: their output as it comes, their exit code. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Starts `node` on a file beside this one, with only the given environment and PATH. */
export function startChild(file: string, args: string[], env: Record<string, string> = {}, nodeArgs: string[] = []) {
  const child = spawn(process.execPath, [...nodeArgs, fileURLToPath(new URL(file, import.meta.url)), ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      for (const look of waiting) look();
    });
  }
  const closed = once(child, 'close').then(([code]: unknown[]) => {
    for (const look of waiting) look();
    return code as number | null;
  });
  return {
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    /** Everything it wrote so far. */
    output: () => output,
    /** The exit code, once all output has come. */
    closed,
    /** Resolves with the match when the output has one; rejects when the process ends without. */
    said(pattern: RegExp): Promise<RegExpExecArray> {
      return new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(output);
          if (match !== null) resolve(match);
          else if (child.exitCode === null && child.signalCode === null) return;
          else reject(new Error(`the process ended without saying ${pattern}; it said: ${output}`));
          waiting.delete(look);
        };
        waiting.add(look);
        look();
      });
    },
  };
}
