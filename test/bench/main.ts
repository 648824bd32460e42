/**
 * Runs the benchmarks: npm run bench -- [--only NAME,NAME] [--json]. Each part runs in a separate process, so that memory
 * left by one part does not slow the next.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { engineBench } from './engine.js';
import { memoryBench } from './memory.js';
import { objectivesBench } from './objectives.js';
import { promptsBench } from './prompts.js';
import { rewardsBench } from './rewards.js';
import { samplingBench } from './sampling.js';
import { stepBench } from './step.js';
import { transferBench } from './transfer.js';

/** The parts by name. The keys of a part's figures start with its name. */
const parts: Readonly<Record<string, () => Promise<Record<string, number>>>> = {
  engine: engineBench,
  memory: memoryBench,
  objectives: objectivesBench,
  prompts: promptsBench,
  rewards: rewardsBench,
  sampling: samplingBench,
  transfer: transferBench,
  step: stepBench,
};

const help = `Usage: npm run bench -- [--only ${Object.keys(parts).join(',')}] [--json]

Measures this machine and prints one figure per line; with --json, one JSON object on the last line.

Example: npm run bench -- --only objectives --json
`;

/** Measures a part in a separate process. */
async function measured(name: string): Promise<Record<string, number>> {
  const run = promisify(execFile)(process.execPath, [fileURLToPath(import.meta.url), '--only', name, '--json']);
  run.child.stderr?.pipe(process.stderr);
  const { stdout } = await run;
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Record<string, number>;
}

const { values } = parseArgs({
  options: { only: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean' } },
});
const chosen = values.only?.split(',') ?? Object.keys(parts);
const unknown = chosen.filter((name) => parts[name] === undefined);
if (values.help === true) process.stdout.write(help);
else if (unknown.length > 0) {
  process.stderr.write(`--only: unknown part ${unknown.join(', ')}; expected ${Object.keys(parts).join(', ')}\n`);
  process.exitCode = 2;
} else {
  const figures: Record<string, number> = {};
  const [only, ...others] = chosen;
  if (only !== undefined && others.length === 0) {
    process.stderr.write(`measuring ${only} ...\n`);
    Object.assign(figures, await parts[only]?.());
  } else for (const name of chosen) Object.assign(figures, await measured(name));
  if (values.json === true) console.log(JSON.stringify(figures));
  else for (const [name, figure] of Object.entries(figures)) console.log(`${name.padEnd(32)} ${figure.toPrecision(4)}`);
}
