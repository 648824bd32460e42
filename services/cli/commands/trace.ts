/** `gapo trace`: what a step did, from its trace. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@gapo/service';
import { Command, Option } from 'commander';
import { jsonOption, stepNumber } from '../options/options.js';
import { print, printJson } from '../output.js';
import { fromHere } from '../project.js';
import { waterfallText } from '../render/waterfall.js';
import { readStepTrace } from '../trace/stepSpans.js';
import { timeTableOf } from '../trace/timeTable.js';

interface TraceFlags {
  data: string;
  file?: string;
  json?: true;
}

async function trace(id: string, step: number | undefined, { data, file, json }: TraceFlags): Promise<void> {
  const path = fromHere(file ?? join(data, id, 'trace.jsonl'));
  if (!existsSync(path)) {
    const why =
      '`gapo run` writes one if no OTEL_* variable is set; name another with --file, such as that of a collector';
    throw new UserError(`${path} does not exist: ${why}`);
  }
  const found = await readStepTrace(path, id, step);
  if (!json) return print(waterfallText(found));
  const { root, spans } = found;
  printJson({
    run: id,
    step: found.step,
    traceId: root.traceId,
    seconds: Number(root.end - root.start) / 1e9,
    phases: timeTableOf(found),
    spans: spans.length,
  });
}

/** Creates the command. */
export function traceCommand(): Command {
  return new Command('trace')
    .description("print a step's waterfall and time table from its trace")
    .argument('<id>', "the run's id")
    .argument('[step]', 'the step (default: the last one in the file)', stepNumber)
    .addOption(new Option('--data <directory>', 'directory of the runs').default('runs'))
    .addOption(new Option('--file <file>', 'traces as OTLP/JSON, one request per line (default: DATA/ID/trace.jsonl)'))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample:\n  gapo trace assistant-20250101-120000 12\n  gapo trace my-run 3 --file collector/traces.json',
    )
    .action(trace);
}
