/** Starts the whole platform for a test, like `gapo up` but on free ports, and runs the command line. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { writeSmallModel } from '@gapo/model/testing';

/** The project's root. */
export const project = fileURLToPath(new URL('../..', import.meta.url));

/** An installed `gapo`: its script and its working directory. */
export interface Command {
  readonly script: string;
  readonly cwd: string;
}

const checkout: Command = { script: join(project, 'services/cli/gapo.js'), cwd: project };

/** Exit code and output of a finished command. */
export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `gapo` and waits for it to exit. */
export async function gapo(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  { script, cwd } = checkout,
): Promise<CommandResult> {
  const child = spawn(process.execPath, [script, ...args], { cwd, env: { ...process.env, ...env } });
  const exit = once(child, 'exit') as Promise<[code: number | null]>;
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
  return { code, stdout, stderr };
}

/** A running platform. */
export interface Platform {
  readonly coordinator: string;
  readonly page: string;
  readonly nats: string | undefined;
  readonly services: readonly { readonly name: string; readonly address: string; readonly pid?: number }[];
  /** Stops every service; resolves when all have exited. */
  stop(): Promise<void>;
}

/** Test projects are anywhere in the temporary directory, the example's in the checkout. */
const projects = JSON.stringify([tmpdir(), project]);

/**
 * Starts all services.
 *
 * @throws Error with their stderr if they exit before they are ready
 */
export async function startPlatform(options: {
  /** Contains rewards.yaml. */
  readonly directory: string;
  /** Where runs are kept. @default data in the directory */
  readonly data?: string;
  /** `usual`: the default number for `gapo up`. @default 1 */
  readonly rolloutWorkers?: number | 'usual';
  readonly gradientWorkers?: number;
  /** Further arguments for `gapo up`. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** @default the project's own */
  readonly command?: Command;
}): Promise<Platform> {
  const {
    directory,
    data = join(directory, 'data'),
    rolloutWorkers = 1,
    gradientWorkers = 1,
    env = {},
    args = [],
  } = options;
  const { script, cwd } = options.command ?? checkout;
  const child = spawn(
    process.execPath,
    [
      script,
      'up',
      '--json',
      '--port-base',
      '0',
      '--http-port',
      '0',
      '--rewards',
      join(directory, 'rewards.yaml'),
      '--data',
      data,
      ...(rolloutWorkers === 'usual' ? [] : ['--rollout-workers', String(rolloutWorkers)]),
      '--gradient-workers',
      String(gradientWorkers),
      ...args,
    ],
    {
      cwd,
      env: { ...process.env, PROJECT_DIRS: projects, CREATE_RUNS_PER_MINUTE: '6000', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const stderr = text(child.stderr);
  const [line] = (await Promise.race([
    once(createInterface(child.stdout), 'line'),
    once(child, 'exit').then(async () => {
      throw new Error(`the services did not start: ${await stderr}`);
    }),
  ])) as [string];
  const state = JSON.parse(line) as Omit<Platform, 'stop'>;
  return { ...state, nats: state.nats, stop: () => stopped(child) };
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

async function text(stream: NodeJS.ReadableStream): Promise<string> {
  let all = '';
  for await (const chunk of stream) all += String(chunk);
  return all;
}

/** A directory with a small random policy, two rules rewards, prompts and a run configuration; removed by `remove`. */
export interface Workspace {
  readonly directory: string;
  readonly run: string;
  remove(): Promise<void>;
}

/** Creates a workspace. `run` overrides lines of the configuration. */
export async function makeWorkspace(run: Readonly<Record<string, string>> = {}): Promise<Workspace> {
  const directory = await mkdtemp(join(tmpdir(), 'gapo-test-'));
  await writeSmallModel(join(directory, 'policy'));
  await writeFile(
    join(directory, 'short.yaml'),
    'objective: short\nrules: [{ kind: length, target: 20, scale: 40, weight: 1 }]\n',
  );
  await writeFile(
    join(directory, 'vowels.yaml'),
    "objective: vowels\nrules: [{ kind: regex, pattern: '[aeiou]{2}', weight: 1 }]\n",
  );
  await writeFile(
    join(directory, 'rewards.yaml'),
    'rewards:\n  - { name: short, kind: rules, rules: short.yaml }\n  - { name: vowels, kind: rules, rules: vowels.yaml }\n',
  );
  const prompts = [
    'How do I reset it?',
    'Where is the printer?',
    'Please help me.',
    'What is a badge?',
    'Can I share this?',
    'Why so slow?',
  ];
  await writeFile(
    join(directory, 'prompts.jsonl'),
    prompts.map((prompt, i) => `${JSON.stringify({ id: `p${i}`, prompt })}\n`).join(''),
  );
  await writeFile(join(directory, 'run.yaml'), runYaml(run));
  return { directory, run: join(directory, 'run.yaml'), remove: () => rm(directory, { recursive: true, force: true }) };
}

/** Returns the configuration of a run of three GAPO steps. `lines` replaces keys; an empty value removes the key. */
export function runYaml(lines: Readonly<Record<string, string>> = {}): string {
  const all: Record<string, string> = {
    name: 'tiny',
    seed: '3',
    steps: '3',
    policy: '{ model: policy, lora: { rank: 4, alpha: 8 } }',
    data: '{ prompts: prompts.jsonl, heldOut: prompts.jsonl }',
    rollout: '{ promptsPerStep: 4, samplesPerPrompt: 3, maxNewTokens: 12, shards: 4 }',
    objectives: '[{ name: short }, { name: vowels }]',
    combine: '{ method: gapo, p: 1 }',
    optimizer: '{ learningRate: 1e-2 }',
    ...lines,
  };
  return Object.entries(all)
    .filter(([, value]) => value !== '')
    .map(([key, value]) => `${key}: ${value}\n`)
    .join('');
}
