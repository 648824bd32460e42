/** `gapo doctor`: checks this machine's prerequisites and prints the command that fixes each problem. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findNatsServer } from '@gapo/events';
import { isFree, withoutCredentials } from '@gapo/service';
import { Command } from 'commander';
import { exitUser, Exit } from '../exit.js';
import { jsonOption } from '../options/options.js';
import { print, printJson } from '../output.js';
import { defaultHttpPort, defaultPortBase } from '../processes/plan.js';
import { isCheckout, projectRoot } from '../project.js';

/** The result of one check. */
export interface Finding {
  what: string;
  /** `missing`: gapo does not run without it; `advice`: it runs, with limitations. */
  verdict: 'ok' | 'missing' | 'advice';
  /** What was found. */
  found: string;
  /** How to fix it; empty if there is nothing to fix. */
  fix: string;
}

const ok = (what: string, found: string): Finding => ({ what, verdict: 'ok', found, fix: '' });
const missing = (what: string, found: string, fix: string): Finding => ({ what, verdict: 'missing', found, fix });
const advice = (what: string, found: string, fix: string): Finding => ({ what, verdict: 'advice', found, fix });

/** The oldest supported version of Node. */
const [oldestMajor, oldestMinor] = [20, 19];

/** Checks whether a version of Node is new enough. */
export function nodeFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  const enough = major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
  return enough
    ? ok('Node', version)
    : missing('Node', version, `install Node ${oldestMajor}.${oldestMinor} or later: https://nodejs.org/en/download`);
}

const installRuntime = isCheckout
  ? `npm ci (in ${projectRoot})`
  : 'install gapo with its optional dependencies: npm install --include=optional';

async function runtimeFinding(): Promise<Finding> {
  // In a child process, because a native library that fails to load may crash its process.
  try {
    await promisify(execFile)(process.execPath, ['--input-type=module', '-e', "import 'onnxruntime-node'"], {
      cwd: join(projectRoot, 'services/rollout'),
      timeout: 30_000,
    });
    return ok('onnxruntime-node', 'loads');
  } catch (error) {
    const said = String((error as { stderr?: unknown }).stderr ?? error);
    const why = said.split('\n').find((line) => /Error/.test(line)) ?? 'it cannot be loaded';
    return missing('onnxruntime-node', why.trim(), installRuntime);
  }
}

function natsFinding(): Finding {
  const url = process.env['NATS_URL']?.trim();
  if (url) return ok('nats-server', `NATS_URL is ${withoutCredentials(url)}`);
  const binary = findNatsServer();
  return binary === undefined
    ? advice(
        'nats-server',
        'not found: events stay within the coordinator',
        'apt-get install nats-server, or set NATS_URL',
      )
    : ok('nats-server', binary);
}

async function portsFinding(): Promise<Finding> {
  const ports = [0, 1, 2, 9, 11, 12].map((offset) => defaultPortBase + offset).concat(defaultHttpPort);
  const free = await Promise.all(ports.map(isFree));
  const busy = ports.filter((_, i) => !free[i]);
  return busy.length === 0
    ? ok('ports', `${ports.join(', ')} are free`)
    : advice(
        'ports',
        `taken: ${busy.join(', ')}`,
        'stop the process that uses them (a `gapo up`?), or start with --port-base 0 --http-port 0',
      );
}

function machineFinding(): Finding {
  const [gib, cores] = [2 ** 30, availableParallelism()];
  const found = `${cores} core${cores === 1 ? '' : 's'}, ${(totalmem() / gib).toFixed(1)} GiB memory, ${(freemem() / gib).toFixed(1)} free`;
  return cores >= 2 && totalmem() >= 3 * gib
    ? ok('machine', found)
    : advice('machine', found, 'the example needs 2 cores and 3 GiB to run at full speed');
}

function buildFinding(): Finding {
  const services = ['coordinator', 'rollout', 'gradient', 'reward', 'gateway'];
  const absent = services.filter((name) => !existsSync(join(projectRoot, `services/${name}/dist/main.js`)));
  return absent.length === 0
    ? ok('services', 'built')
    : missing('services', `not built: ${absent.join(', ')}`, `npm run build (in ${projectRoot})`);
}

function modelsFinding(): Finding {
  const models = join(projectRoot, 'examples/assistant/models');
  const wanted = ['policy', 'helpful', 'harmless'];
  const absent = wanted.filter((name) => !existsSync(join(models, name, 'config.json')));
  return absent.length === 0
    ? ok('example models', models)
    : missing(
        'example models',
        `${models} lacks ${absent.join(', ')}`,
        `git checkout -- examples/assistant/models, or make models (in ${projectRoot})`,
      );
}

/** Runs all checks. */
async function examine(): Promise<Finding[]> {
  const [runtime, ports] = await Promise.all([runtimeFinding(), portsFinding()]);
  return [
    nodeFinding(process.version),
    buildFinding(),
    runtime,
    natsFinding(),
    ports,
    machineFinding(),
    ...(isCheckout ? [modelsFinding()] : []),
  ];
}

/** Formats findings as text. */
export function findingsText(findings: readonly Finding[]): string {
  const mark = { ok: 'ok      ', missing: 'MISSING ', advice: 'note    ' };
  return findings
    .map(
      ({ what, verdict, found, fix }) =>
        `${mark[verdict]}${what}: ${found}${fix === '' ? '' : `\n        fix: ${fix}`}`,
    )
    .join('\n');
}

async function doctor(flags: { json?: true }): Promise<void> {
  const findings = await examine();
  if (flags.json) printJson(findings);
  else print(findingsText(findings));
  if (findings.some(({ verdict }) => verdict === 'missing')) throw new Exit(exitUser);
}

/** Creates the command. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description("check this machine's prerequisites, and print the command that fixes each problem")
    .addOption(jsonOption())
    .addHelpText('after', '\nExits with 2 if something that gapo needs is missing.\n\nExample:\n  gapo doctor')
    .action(doctor);
}
