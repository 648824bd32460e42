/** `make bench-peers`: measures this project against other implementations and writes docs/peers.md. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeAtomicallySync } from '@gapo/service';
import { project } from '../../platform.fixture.js';
import { peersDocument } from './document.js';
import { gradients } from './gradients.js';
import type { Group, Setting } from './group.js';
import { sampling } from './sampling.js';
import { step } from './step.js';

/** The groups by name, in the document's order. */
const groups: Readonly<Record<string, (setting: Setting) => Promise<Group>>> = { step, gradients, sampling };

const help = `Usage: make bench-peers [PEERS_ARGS='--only ${Object.keys(groups).join(',')}']

Measures this project and other implementations in turn, on the same decoder and batch, and writes docs/peers.md.

Options:
  --python <path>   Python with the packages of test/bench/peers/requirements.txt (default: PEERS_PYTHON)
  --vllm <path>     Python with vLLM for CPUs; without one vLLM is left out (default: VLLM_PYTHON)
  --only <names>    some of ${Object.keys(groups).join(', ')}; the document is written only if all are measured
  --rounds <n>      rounds of every measurement (default: 7)
  --threads <n>     threads of every implementation (default: 2)
  --json            one JSON object on stdout

Example:
  make bench-peers PEERS_PYTHON=~/peers/bin/python PEERS_ARGS='--only step --rounds 5'
`;

const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

/** The Python that `testTools.mjs --peers` has installed, if it has. */
async function installedPython(): Promise<string> {
  const tools = (await import(join(project, 'deploy/local/testTools.mjs'))) as {
    toolEnvironment: () => Readonly<Record<string, string>>;
  };
  return tools.toolEnvironment()['PEERS_PYTHON'] ?? '';
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      python: { type: 'string', default: process.env['PEERS_PYTHON'] || (await installedPython()) },
      vllm: { type: 'string', default: process.env['VLLM_PYTHON'] ?? '' },
      only: { type: 'string' },
      rounds: { type: 'string', default: '7' },
      threads: { type: 'string', default: '2' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help === true) {
    process.stdout.write(help);
    return;
  }
  const chosen = values.only?.split(',') ?? Object.keys(groups);
  const unknown = chosen.filter((name) => groups[name] === undefined);
  const [rounds, threads] = [Number(values.rounds), Number(values.threads)];
  const problem =
    unknown.length > 0
      ? `--only: unknown ${unknown.join(', ')}; expected ${Object.keys(groups).join(', ')}`
      : [rounds, threads].some((value) => !Number.isInteger(value) || value < 1)
        ? '--rounds and --threads take integers over 0'
        : values.python === ''
          ? 'PEERS_PYTHON names no Python: make bench-peers installs one, see --help'
          : undefined;
  if (problem !== undefined) {
    say(problem);
    process.exitCode = 2;
    return;
  }
  const found: Record<string, Group> = {};
  for (const name of Object.keys(groups).filter((each) => chosen.includes(each))) {
    say(`measuring ${name}`);
    const scratch = await mkdtemp(join(tmpdir(), 'gapo-peers-'));
    const vllm = values.vllm === '' ? undefined : values.vllm;
    const setting = { python: values.python, vllm, threads, rounds, scratch, say: (text: string) => say(`  ${text}`) };
    try {
      found[name] = await (groups[name] as (setting: Setting) => Promise<Group>)(setting);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  }
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: project, encoding: 'utf8' }).trim();
  const measured = {
    groups: found,
    rounds,
    threads,
    processor: cpus()[0]?.model.trim() ?? 'an unknown processor',
    commit: git('rev-parse', '--short=8', 'HEAD'),
  };
  const document = peersDocument(measured);
  if (values.json === true) process.stdout.write(`${JSON.stringify(measured)}\n`);
  else process.stdout.write(document);
  if (values.only !== undefined) return;
  const path = join(project, 'docs/peers.md');
  writeAtomicallySync(path, document);
  execFileSync(process.execPath, [join(project, 'node_modules/prettier/bin/prettier.cjs'), '--write', path]);
  say(`wrote ${path}`);
}

try {
  await main();
} catch (error) {
  // An unknown option is a TypeError with a code.
  process.exitCode = error instanceof TypeError && 'code' in error ? 2 : 1;
  say(error instanceof Error ? error.message : String(error));
}
