/**
 * A training as a process of its own, since it holds its thread while it computes: settings as JSON in the first argument,
 * one event a line on stdout. SIGTERM and SIGINT end it after the update in progress. Exit code 2: something to mend,
 * which stderr says.
 */
import { writeSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { type z, isExpected } from '@gapo/service';

/** Runs a training to its end. */
export async function runTrainingProcess<Settings, Event>(
  schema: z.ZodType<Settings>,
  train: (settings: Settings, report: (event: Event) => void, stop: () => Promise<boolean>) => Promise<void>,
): Promise<void> {
  let asked = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => (asked = true));
  try {
    await train(
      schema.parse(JSON.parse(process.argv[2] ?? '{}')),
      (event) => void writeSync(1, `${JSON.stringify(event)}\n`),
      async () => {
        await turn(); // a signal is heard between updates: the runtime holds the thread while it computes
        return asked;
      },
    );
  } catch (error) {
    const expected = isExpected(error);
    writeSync(
      2,
      `${expected || !(error instanceof Error) ? String((error as Error).message) : (error.stack ?? error.message)}\n`,
    );
    process.exit(expected ? 2 : 1);
  }
}
