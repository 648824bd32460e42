/** The command line: commands, options and their values, without executing the commands. */
import { gapoProgram } from '@gapo/cli/testing';
import fc from 'fast-check';
import { type OpenTarget, target } from '../target.js';

type Command = ReturnType<typeof gapoProgram>;

/** Arguments and values of options, and words that are neither. */
const values: readonly string[] = [
  'runs',
  'test',
  'serve',
  'run.yaml',
  'help',
  '--help',
  '127.0.0.1:1',
  '0',
  '65536',
  'steps=1',
  'a=0.5',
  'a=',
  '=',
  '-1',
  '1e3',
  '0x10',
  ' ',
  '',
  '--',
  '-',
  '-x',
  '--=',
  '--no-such',
  '__proto__',
  '__proto__=1',
  'constructor=1',
  'toString',
  '../../etc/passwd',
  '\0',
  '\ud800',
  'a'.repeat(600),
  '9'.repeat(400),
  'NaN',
  'Infinity',
];

const allCommands = (program: Command): Command[] => [
  program,
  ...program.commands,
  ...program.commands.flatMap(({ commands }) => commands),
];

export const commandLine: OpenTarget = async () => {
  const known = allCommands(gapoProgram());
  const names = known.map((command) => command.name());
  const options = known.flatMap((command) => command.options.flatMap(({ long }) => long ?? []));
  const word = fc.oneof(
    { weight: 2, arbitrary: fc.constantFrom(...new Set(names)) },
    { weight: 2, arbitrary: fc.constantFrom(...new Set(options)) },
    { weight: 2, arbitrary: fc.constantFrom(...values) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  );
  return target(
    fc.array(word, { maxLength: 7 }),
    async (args) => {
      const program = gapoProgram();
      for (const command of allCommands(program)) {
        command.configureOutput({ writeOut: () => undefined, writeErr: () => undefined });
        if (command !== program && command.commands.length === 0) command.action(() => undefined);
      }
      await program.parseAsync(args, { from: 'user' });
    },
    { expects: (error) => error instanceof Error && error.name === 'CommanderError' },
  );
};
