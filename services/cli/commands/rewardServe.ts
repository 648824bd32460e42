/** `gapo reward serve`: one reward service in the foreground, from models, a file of rules, or a file that says who is asked. */
import { spawn } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { UserError } from '@gapo/service';
import { Command, Option } from 'commander';
import { Exit } from '../exit.js';
import { listenForInterrupts } from '../interrupts.js';
import { address } from '../options/options.js';
import { rewardEnvironment, type RewardEntry } from '../processes/rewardsFile.js';
import { fromHere, preloadModule, projectRoot, serviceScript } from '../project.js';

interface ServeFlags {
  listen: string;
  objective?: string;
}

/** A directory is a classifier; a file with a protocol or a target says who is asked, another holds rules. */
function kindOf(source: string): RewardEntry['kind'] {
  let isDirectory: boolean;
  try {
    isDirectory = statSync(source).isDirectory();
  } catch (error) {
    throw new UserError(`${source} does not exist; give the directory of a classifier or a YAML file`, {
      cause: error,
    });
  }
  if (isDirectory) return 'onnx';
  const content = readFileSync(source, 'utf8');
  if (/^target\s*:/m.test(content)) return 'oip';
  return /^\s*protocol\s*:/m.test(content) ? 'http' : 'rules';
}

/** The sources' one kind: several are served together only where all are classifiers. */
function commonKind(sources: readonly string[]): RewardEntry['kind'] {
  const kinds = sources.map(kindOf);
  const other = kinds.findIndex((kind) => kind !== 'onnx');
  if (other < 0) return 'onnx';
  if (kinds.length === 1) return kinds[0]!;
  throw new UserError(`${sources[other]} is no classifier; serve it by itself: only classifiers share a process`);
}

async function serve(given: readonly string[], { listen, objective }: ServeFlags): Promise<void> {
  const sources = given.map(fromHere);
  const interrupts = listenForInterrupts();
  const child = spawn(process.execPath, ['--import', preloadModule, serviceScript('reward')], {
    cwd: projectRoot,
    stdio: 'inherit',
    env: {
      ...process.env,
      LISTEN: listen,
      ...rewardEnvironment({ kind: commonKind(sources), source: sources.join(',') }),
      ...(objective !== undefined && { OBJECTIVE: objective }),
    },
    // Its own group: a terminal's Ctrl-C reaches this process alone, which then asks the service to stop.
    detached: true,
  });
  interrupts.asked.addEventListener('abort', () => child.kill('SIGTERM'));
  interrupts.forced.addEventListener('abort', () => child.kill('SIGKILL'));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  interrupts.release();
  if (code !== 0) throw new Exit(code ?? 1);
}

/** The command. */
export function rewardServeCommand(): Command {
  return new Command('serve')
    .description('run a reward service in the foreground until Ctrl-C')
    .argument('<source...>', 'directories of classifiers (model.onnx, tokenizer.json, config.json), or a YAML file')
    .addOption(
      new Option(
        '--listen <host:port>',
        'where it listens; port 0 takes a free one; further classifiers on the ports after it',
      )
        .default('127.0.0.1:50061')
        .argParser(address),
    )
    .addOption(
      new Option(
        '--objective <name>',
        "the objective's name, in place of the one that the source states; one for each, separated by commas",
      ),
    )
    .addHelpText(
      'after',
      `
A YAML file with a protocol says who is asked over HTTP, one with a target which model of an inference server; any other
holds rules. services/reward/README.md documents them all.
The service's own settings (THREADS, DEVICE, LATENCY_BOUND_MS, REWARD_TOKEN, OTEL_*) are read from the environment.

Example:
  gapo reward serve models/helpful --listen 127.0.0.1:50061`,
    )
    .action(serve);
}
