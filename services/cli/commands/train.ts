/** `gapo train`: creates a run on a running coordinator. */
import { Command, Option } from 'commander';
import { Coordinator, coordinatorAddress } from '../client.js';
import { readConfigFile } from '../configFile.js';
import { coordinatorOption, dataOption, jsonOption } from '../options/options.js';
import { print, printMessage } from '../output.js';
import { fromHere } from '../project.js';
import { beginRun } from '../runs/chooseRun.js';
import { watchUntilSettled } from './watch.js';

interface TrainFlags {
  coordinator?: string;
  data: string;
  id?: string;
  watch?: true;
  json?: true;
}

async function train(configPath: string, flags: TrainFlags): Promise<void> {
  const config = readConfigFile(fromHere(configPath));
  const coordinator = new Coordinator(coordinatorAddress(flags.coordinator));
  try {
    const run = await beginRun(coordinator, config, fromHere(flags.data), { id: flags.id });
    if (flags.watch) await watchUntilSettled(coordinator, run, flags.json === true);
    else if (flags.json) printMessage('gapo.training.v1.Run', run);
    else
      print(
        `${run.id}: ${run.totalSteps} steps of ${run.method} with ${run.objectives.join(', ')}; follow it with \`gapo watch ${run.id}\``,
      );
  } finally {
    coordinator.close();
  }
}

/** Creates the command. */
export function trainCommand(): Command {
  return new Command('train')
    .description('create a run on the coordinator that `gapo up` started')
    .argument('<config>', 'the run configuration, YAML')
    .addOption(new Option('--watch', 'follow the run until it ends; Ctrl-C stops watching, and the run continues'))
    .addOption(new Option('--id <id>', "the run's id (default: its name and the time)"))
    .addOption(coordinatorOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nWith --watch it exits with 2 if the run stops before its last step.\n\nExample:\n  gapo train examples/assistant/run.yaml --watch',
    )
    .action(train);
}
