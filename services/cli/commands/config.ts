/** `gapo config`: validates run configurations, prints them with defaults, and prints their JSON Schema. */
import { asWritten, objectiveNames, runConfigJsonSchema } from '@gapo/config';
import { configSha256, yamlText } from '@gapo/service';
import { Command } from 'commander';
import { readConfigFile } from '../configFile.js';
import { jsonOption } from '../options/options.js';
import { print, printJson } from '../output.js';
import { fromHere } from '../project.js';

interface ConfigFlags {
  json?: true;
}

function check(path: string, { json }: ConfigFlags): void {
  const { config } = readConfigFile(fromHere(path));
  const sha256 = configSha256(config);
  if (json) return printJson({ name: config.name, sha256 });
  const { algorithm, combine, steps } = config;
  print(
    `${path} is valid: ${steps} steps of ${algorithm} with ${objectiveNames(config).join(', ')} by ${combine.method}`,
  );
}

function show(path: string, { json }: ConfigFlags): void {
  const complete = asWritten(readConfigFile(fromHere(path)).config);
  if (json) printJson(complete);
  else print(yamlText(complete).trimEnd());
}

/** Creates the command. */
export function configCommand(): Command {
  const command = (name: string, description: string): Command =>
    new Command(name)
      .description(description)
      .argument('<config>', 'the run configuration, YAML')
      .addOption(jsonOption());
  return new Command('config')
    .description('validate a run configuration, print it with defaults, or print the JSON Schema')
    .addHelpText(
      'after',
      `
Needs no services, and does not check the names of reward services. check prints every problem and exits with 2 if there is
one. Editors use the JSON Schema if the first line of run.yaml names it:
# yaml-language-server: $schema=run.schema.json

Example:
  gapo config check examples/assistant/run.yaml
  gapo config show examples/assistant/run.yaml
  gapo config schema > run.schema.json`,
    )
    .addCommand(command('check', 'validate a run configuration').action(check))
    .addCommand(command('show', 'print a run configuration with every default').action(show))
    .addCommand(
      new Command('schema')
        .description('print the JSON Schema of run configurations')
        .action(() => print(JSON.stringify(runConfigJsonSchema(), null, 2))),
    );
}
