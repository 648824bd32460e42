/** A fine-tuning as a child process: only that one loads the tensor runtime. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { FinetuningEvent, FinetuningSettings } from '@gapo/finetuning';
import { UserError } from '@gapo/telemetry';
import { projectRoot, serviceScript } from '../project.js';

/**
 * Runs a fine-tuning to its end.
 *
 * @param report told what happens, as it happens
 * @param stop ends it after the update in progress
 * @throws UserError with what the process says is to be mended; Error where it ended in another way
 */
export async function runFinetuning(
  settings: FinetuningSettings,
  report: (event: FinetuningEvent) => void,
  stop: AbortSignal,
): Promise<void> {
  const script = join(projectRoot, serviceScript('lib/finetuning'));
  const child = spawn(process.execPath, [script, JSON.stringify(settings)], { stdio: ['ignore', 'pipe', 'pipe'] });
  const end = (): void => void child.kill('SIGTERM');
  stop.addEventListener('abort', end, { once: true });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  try {
    // What it prints is its own: a line is an event.
    for await (const line of createInterface({ input: child.stdout })) report(JSON.parse(line) as FinetuningEvent);
    const code = await closed;
    if (code === 2) throw new UserError(said.trim());
    if (code !== 0) throw new Error(`the process that trains ended with ${code ?? 'a signal'}: ${said.trim()}`);
  } finally {
    stop.removeEventListener('abort', end);
    child.kill('SIGKILL');
  }
}
