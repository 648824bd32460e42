/** The command line: commands, options and their values, without what the commands do. */
import { gapoProgram } from '@gapo/cli/testing';
import fc from 'fast-check';
import { type OpenTarget, target } from '../target.js';

const words: readonly string[] = [
  'up',
  'run',
  'train',
  'watch',
  'runs',
  'pause',
  'resume',
  'cancel',
  'prefer',
  'objective',
  'add',
  'remove',
  'eval',
  'soup',
  'front',
  'pareto',
  'export',
  'sft',
  'config',
  'plan',
  'reward',
  'test',
  'serve',
  'check',
  'doctor',
  'run.yaml',
  'help',
  '--help',
  '--json',
  '--coordinator',
  '127.0.0.1:1',
  '--data',
  'runs',
  '--port-base',
  '0',
  '--http-port',
  '65536',
  '--set',
  'steps=1',
  'a=0.5',
  'a=',
  '=',
  '--rewards',
  '--id',
  '--version',
  '--samples',
  '--rollout-workers',
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

export const commandLine: OpenTarget = async () => {
  const word = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...words) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  );
  return target(
    fc.array(word, { maxLength: 7 }),
    async (args) => {
      const program = gapoProgram();
      for (const command of [program, ...program.commands, ...program.commands.flatMap(({ commands }) => commands)]) {
        command.configureOutput({ writeOut: () => undefined, writeErr: () => undefined });
        if (command !== program && command.commands.length === 0) command.action(() => undefined);
      }
      await program.parseAsync(args, { from: 'user' });
    },
    { expects: (error) => error instanceof Error && error.name === 'CommanderError' },
  );
};
