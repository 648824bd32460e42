/**
 * A fine-tuning as a process: `node main.js SETTINGS`, with the settings as JSON. Prints one event a line on stdout. SIGTERM
 * and SIGINT end it after the update in progress; the same settings go on from there.
 */
import { writeSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { isExpected } from '@gapo/telemetry';
import { finetune } from './finetune.js';
import { finetuningSettings } from './settings.js';

let asked = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => (asked = true));

try {
  const settings = finetuningSettings.parse(JSON.parse(process.argv[2] ?? '{}'));
  await finetune(
    settings,
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
