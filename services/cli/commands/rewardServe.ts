/** `gapo reward serve`: runs a reward service in the foreground. Its source determines the kind. */
import { spawn } from 'node:child_process';
import { rewardEnvironment, servedSource, sourceForms } from '@gapo/config';
import { UserError } from '@gapo/service';
import { Command, Option } from 'commander';
import { Exit } from '../exit.js';
import { listenForInterrupts } from '../interrupts.js';
import { address } from '../options/options.js';
import { fromHere, preloadModule, projectRoot, serviceScript } from '../project.js';

interface ServeFlags {
  listen: string;
  objective?: string;
}

/**
 * Returns the environment of a service for the sources at the given paths.
 *
 * @throws UserError if one process cannot serve them
 */
function environmentOf(paths: readonly [string, ...string[]]): Record<string, string> {
  const [first, ...others] = paths;
  const { kind, key, shared } = servedSource(first);
  for (const other of others) {
    const { kind: otherKind } = servedSource(other);
    if (!shared || otherKind !== kind) {
      throw new UserError(`${other} (${otherKind}) cannot share a process with ${first} (${kind}): serve it by itself`);
    }
  }
  return rewardEnvironment(
    kind,
    paths.map((path) => ({ [key]: path })),
  );
}

async function serve(
  [first, ...others]: readonly [string, ...string[]],
  { listen, objective }: ServeFlags,
): Promise<void> {
  const env = environmentOf([fromHere(first), ...others.map(fromHere)]);
  const interrupts = listenForInterrupts();
  const child = spawn(process.execPath, ['--import', preloadModule, serviceScript('reward')], {
    cwd: projectRoot,
    stdio: 'inherit',
    env: {
      ...process.env,
      LISTEN: listen,
      ...env,
      ...(objective !== undefined && { OBJECTIVE: objective }),
    },
    // A separate process group, so that Ctrl-C reaches only this process, which then stops the service.
    detached: true,
  });
  interrupts.stopRequested.addEventListener('abort', () => child.kill('SIGTERM'));
  interrupts.forced.addEventListener('abort', () => child.kill('SIGKILL'));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  interrupts.release();
  if (code !== 0) throw new Exit(code ?? 1);
}

/** Describes the source of each kind and the environment variables that its service reads. */
function kindsText(): string {
  const forms = sourceForms();
  const width = Math.max(...forms.map(({ form }) => form.length));
  return forms
    .flatMap(({ kind, form, summary, settings }) => [
      `  ${form.padEnd(width)}  ${kind}: ${summary}`,
      `  ${' '.repeat(width)}  reads ${settings.join(', ')}`,
    ])
    .join('\n');
}

/** Creates the command. */
export function rewardServeCommand(): Command {
  return new Command('serve')
    .description('run a reward service in the foreground until Ctrl-C')
    .argument('<source...>', 'a YAML file, or one or more classifier directories')
    .addOption(
      new Option(
        '--listen <host:port>',
        'where to listen; port 0 uses a free port; further classifiers use the ports after it',
      )
        .default('127.0.0.1:50061')
        .argParser(address),
    )
    .addOption(
      new Option(
        '--objective <name>',
        "the objective's name instead of the one in the source; separate those of several classifiers with commas",
      ),
    )
    .addHelpText(
      'after',
      `
The source determines the kind. Settings come from the environment:
${kindsText()}
services/reward/README.md documents them all.

Example:
  gapo reward serve models/helpful --listen 127.0.0.1:50061`,
    )
    .action(serve);
}
