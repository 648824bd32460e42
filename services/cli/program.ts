/** The command line: `gapo` with its commands. */
import { standardError, standardOutput } from '@gapo/service';
import { Command } from 'commander';
import { auditCommand } from './commands/audit.js';
import { certsCommand } from './commands/certs.js';
import { configCommand } from './commands/config.js';
import { controlCommands } from './commands/control.js';
import { dataCommand } from './commands/data.js';
import { doctorCommand } from './commands/doctor.js';
import { evalCommand } from './commands/eval.js';
import { explainCommand } from './commands/explain.js';
import { exportCommand } from './commands/export.js';
import { frontCommand } from './commands/front.js';
import { generateCommand } from './commands/generate.js';
import { objectiveCommand } from './commands/objective.js';
import { paretoCommand } from './commands/pareto.js';
import { planCommand } from './commands/plan.js';
import { preferCommand } from './commands/prefer.js';
import { rewardCommand } from './commands/reward.js';
import { runCommand } from './commands/run.js';
import { runsCommand } from './commands/runs.js';
import { samplesCommand } from './commands/samples.js';
import { sftCommand } from './commands/sft.js';
import { soupCommand } from './commands/soup.js';
import { tokenCommand } from './commands/token.js';
import { traceCommand } from './commands/trace.js';
import { trainCommand } from './commands/train.js';
import { upCommand } from './commands/up.js';
import { watchCommand } from './commands/watch.js';

/** Creates the command line. Help and mistakes end in a CommanderError. */
export function gapoProgram(): Command {
  const program = new Command('gapo')
    .description('Align a language model with several reward models at once.')
    .version('0.1.0')
    // In `gapo eval ID --version 3` the option belongs to the command, not to `gapo` itself.
    .enablePositionalOptions()
    .showHelpAfterError('(gapo --help lists the commands, gapo COMMAND --help their options)')
    .addHelpText(
      'after',
      `
Exit codes: 0 success, 2 an error that you can fix (stderr says how), 1 a bug in gapo, 130 interrupted by Ctrl-C.

Example:
  gapo run examples/assistant/run.yaml`,
    );

  const commands = [
    upCommand(),
    runCommand(),
    trainCommand(),
    watchCommand(),
    explainCommand(),
    samplesCommand(),
    runsCommand(),
    ...controlCommands(),
    preferCommand(),
    objectiveCommand(),
    evalCommand(),
    generateCommand(),
    soupCommand(),
    frontCommand(),
    paretoCommand(),
    exportCommand(),
    dataCommand(),
    sftCommand(),
    configCommand(),
    planCommand(),
    rewardCommand(),
    certsCommand(),
    auditCommand(),
    traceCommand(),
    tokenCommand(),
    doctorCommand(),
  ];
  for (const command of [program, ...commands, ...commands.flatMap(({ commands: inner }) => inner)])
    command.exitOverride().configureOutput({
      writeOut: (text) => void standardOutput.write(text),
      writeErr: (text) => void standardError.write(text),
    });
  for (const command of commands) program.addCommand(command);
  return program;
}
