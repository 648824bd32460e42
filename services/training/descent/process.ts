/**
 * The main function of training programs. They need a separate process since they block its thread. Settings are JSON
 * in the first argument; stdout has one event per line. SIGTERM, SIGINT and SIGHUP end the run after the update in progress.
 * Exit code 2: an expected error, with its message on stderr.
 */
import { writeSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { type z, isExpected } from '@gapo/service';

/** Trains until the end, or until a signal asks it to stop. */
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
        await turn(); // lets signal handlers run, which the tensor runtime blocks during an update
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
