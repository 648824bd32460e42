/** `gapo`: runs the command line and maps its errors to exit codes. */
import { boundConnecting } from '@gapo/service';
import { CommanderError } from 'commander';
import { exitOk, exitUser, outcome } from './exit.js';
import { note } from './output.js';
import { gapoProgram } from './program.js';
import { secureCommand } from './secure.js';

boundConnecting();
const program = gapoProgram();
// `gapo certs` repairs certificates that the other commands cannot use.
program.hook('preAction', (_, command) => (command.name() === 'certs' ? undefined : secureCommand(command.opts())));

try {
  await program.parseAsync();
  process.exit(process.exitCode ?? exitOk);
} catch (error) {
  // Commander has already printed its own message, or the requested help.
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? exitOk : exitUser);
  const { code, text } = outcome(error);
  if (text !== '') note(text);
  process.exit(code);
}
