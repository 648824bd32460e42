/** Runs a training program in a child process, so that only the child loads the tensor runtime. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { UserError } from '@gapo/service';
import type { TrainingEvent } from '@gapo/training';
import { projectRoot, serviceScript } from '../project.js';

/** A training: its program, settings, and observer. */
export interface Training<Settings, Result> {
  /** A program of services/training. */
  readonly program: 'sft' | 'rewardModel';
  readonly settings: Settings;
  /** Observes every event. */
  readonly report: (event: TrainingEvent<Result>) => void;
  /** Stops the training after the update in progress. */
  readonly stop: AbortSignal;
}

/**
 * Runs a training to its end.
 *
 * @returns its last event
 * @throws UserError with the process's message if its input is invalid, Error if it failed otherwise
 */
export async function runTraining<Settings, Result>({
  program,
  settings,
  report,
  stop,
}: Training<Settings, Result>): Promise<Extract<TrainingEvent<Result>, { event: 'end' }>> {
  const script = join(projectRoot, serviceScript('training', program));
  const child = spawn(process.execPath, [script, JSON.stringify(settings)], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ask = (): void => void child.kill('SIGTERM');
  stop.addEventListener('abort', ask, { once: true });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  let end: Extract<TrainingEvent<Result>, { event: 'end' }> | undefined;
  try {
    // Each line of its stdout is an event.
    for await (const line of createInterface({ input: child.stdout })) {
      const event = JSON.parse(line) as TrainingEvent<Result>;
      report(event);
      if (event.event === 'end') end = event;
    }
    const code = await closed;
    if (code === 2) throw new UserError(stderr.trim());
    if (code !== 0) throw new Error(`the training process exited with ${code ?? 'a signal'}: ${stderr.trim()}`);
  } finally {
    stop.removeEventListener('abort', ask);
    child.kill('SIGKILL');
  }
  if (end === undefined) throw new Error('the training process exited without a result');
  return end;
}
